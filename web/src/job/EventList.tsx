/** Events of a job on a line of time, newest first. */

import { useQuery } from "@tanstack/react-query";

import { eventsQuery } from "../api/queries";
import type { JobDetail, JobEvent } from "../api/types";
import { formatClock, formatTime, formatWord } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Empty, Failure, Loading } from "../ui/Notice";
import { listFacts } from "./eventFacts";

interface Props {
  job: JobDetail;
  /** How many are shown, in brief; all, with all that is known of them, if left out. */
  most?: number;
}

export function EventList({ job, most }: Props) {
  const events = useQuery({ ...eventsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  if (events.isError) return <Failure error={events.error} onRetry={() => void events.refetch()} />;
  if (!events.data) return <Loading what="events" />;
  if (events.data.length === 0) return <Empty>Nothing has happened yet.</Empty>;
  const shown = events.data.toReversed().slice(0, most);
  return (
    <ol className="timeline">
      {shown.map((event) => (
        <EventItem key={event.id} event={event} isBrief={most !== undefined} />
      ))}
    </ol>
  );
}

function EventItem({ event, isBrief }: { event: JobEvent; isBrief: boolean }) {
  const facts = listFacts(event, isBrief);
  return (
    <li className={`event event-${event.data.state ?? event.type}`}>
      <div className="event-head">
        <strong>{formatWord(event.type)}</strong>
        <time dateTime={event.created_at} title={formatTime(event.created_at)}>
          {formatClock(event.created_at)}
        </time>
      </div>
      {facts.length > 0 && (
        <dl className="event-facts">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{formatWord(name)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}
