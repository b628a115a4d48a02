/** The queue: what holds devices, what waits for some and for what, and when each probably starts and ends. */

import { useQuery } from "@tanstack/react-query";

import { usePollInterval } from "../live/LiveProvider";
import { Link, useParam } from "../router";
import { useMay } from "../session/useMay";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { SearchField } from "../ui/SearchField";
import { useTitle } from "../ui/useTitle";
import { queueQuery, type QueueEntry } from "./queries";
import { QueueTable } from "./QueueTable";

const FEW = 200;
const MANY = 1000;

export function QueuePage() {
  useTitle("Queue");
  const [pool] = useParam<string>("pool", "");
  const [text, setText] = useParam<string>("q", "");
  const [shown, setShown] = useParam<string>("show", "few");
  const mayWrite = useMay("jobs:write");
  const limit = shown === "many" ? MANY : FEW;
  const queue = useQuery({ ...queueQuery(pool, limit), refetchInterval: usePollInterval() });
  const found = (queue.data?.data ?? []).filter((entry) => fits(entry, text));
  const holding = found.filter(({ place }) => place === null);
  const waiting = found.filter(({ place }) => place !== null);
  return (
    <>
      <div className="page-head">
        <h1>Queue{pool && ` of ${pool}`}</h1>
        <span className="spacer" />
        <SearchField label="Search by name or project" text={text} onText={setText} />
      </div>
      {queue.isError && <Failure error={queue.error} onRetry={() => void queue.refetch()} />}
      {queue.isPending && <Loading what="the queue" />}
      {queue.data && found.length === 0 && <Nothing isFiltered={text !== ""} />}
      {waiting.length > 0 && !mayWrite && <NeedsScope scope="jobs:write" what="change priorities" />}
      {waiting.length > 0 && (
        <section className="page-section">
          <h2>{waiting.length === 1 ? "1 job waits" : `${waiting.length} jobs wait`}</h2>
          <QueueTable entries={waiting} isWaiting mayWrite={mayWrite} />
          {queue.data?.has_more && <More limit={limit} onMany={() => setShown("many")} />}
        </section>
      )}
      {holding.length > 0 && (
        <section className="page-section">
          <h2>{holding.length === 1 ? "1 job holds devices" : `${holding.length} jobs hold devices`}</h2>
          <QueueTable entries={holding} isWaiting={false} mayWrite={mayWrite} />
        </section>
      )}
      {found.length > 0 && (
        <p className="muted small">
          Times are ranges: half of the cases stay below the first, nine of ten below the second. They are measured on finished runs of
          like specs, else on all of the pool; “not known” says that nothing was measured.
        </p>
      )}
    </>
  );
}

function fits({ name, project }: QueueEntry, text: string): boolean {
  const word = text.toLowerCase();
  return name.toLowerCase().includes(word) || project.includes(word);
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <Empty>No job in the queue fits this search.</Empty>;
  return (
    <Empty>
      Nothing waits and nothing runs: a job that is submitted now starts at once where a worker lives. <Link href="/jobs/new">Submit one</Link>, or{" "}
      <Link href="/workers">look at the workers</Link>.
    </Empty>
  );
}

function More({ limit, onMany }: { limit: number; onMany: () => void }) {
  return (
    <p className="muted">
      More wait than are shown.{" "}
      {limit < MANY && (
        <button type="button" className="button" onClick={onMany}>
          Look at {MANY}
        </button>
      )}
    </p>
  );
}
