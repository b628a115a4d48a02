/** Jobs of the queue, one a row. */

import { formatDuration, formatWord } from "../format";
import { Link } from "../router";
import { Age } from "../ui/Age";
import { StatePill } from "../ui/StatePill";
import { TableFrame } from "../ui/TableFrame";
import { PriorityField } from "./PriorityField";
import type { QueueEntry } from "./queries";

interface Props {
  entries: readonly QueueEntry[];
  isWaiting: boolean;
  mayWrite: boolean;
}

export function QueueTable({ entries, isWaiting, mayWrite }: Props) {
  return (
    <TableFrame label={isWaiting ? "Jobs that wait" : "Jobs that hold devices"}>
      <table className="plain-table">
        <thead>
          <tr>
            {isWaiting && <th scope="col">Place</th>}
            <th scope="col">Job</th>
            <th scope="col">State</th>
            {isWaiting && <th scope="col">Waits for</th>}
            <th scope="col">Devices</th>
            <th scope="col">Priority</th>
            {isWaiting && <th scope="col">Starts in</th>}
            <th scope="col">Ends in</th>
            <th scope="col">Queued</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <QueueRow key={entry.job_id} entry={entry} isWaiting={isWaiting} mayWrite={mayWrite} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function QueueRow({ entry, isWaiting, mayWrite }: { entry: QueueEntry; isWaiting: boolean; mayWrite: boolean }) {
  return (
    <tr data-testid="queue-row" data-job={entry.job_id}>
      {isWaiting && <td className="number">{entry.place}</td>}
      <td className="name-cell">
        <Link href={`/jobs/${entry.job_id}`} dir="auto">
          {entry.name}
        </Link>
        <span className="muted small">in {entry.project}</span>
      </td>
      <td>
        <StatePill state={entry.state} />
      </td>
      {isWaiting && <td className="wrap-cell">{entry.waits_for ?? (entry.status_reason ? formatWord(entry.status_reason) : "its turn")}</td>}
      <td className="number">{entry.num_devices}</td>
      <td>{isWaiting && mayWrite ? <PriorityField key={entry.priority} entry={entry} /> : entry.priority}</td>
      {isWaiting && (
        <td>
          <Span range={entry.starts_in_s} />
        </td>
      )}
      <td>
        <Span range={entry.ends_in_s} basis={entry.basis ? `${entry.basis}, ${entry.num_runs}` : ""} />
      </td>
      <td>{entry.queued_at ? <Age time={entry.queued_at} /> : "–"}</td>
    </tr>
  );
}

const BASES: Record<string, string> = { engine: "by its engine", like: "on like specs", pool: "on the pool" };

function Span({ range, basis = "" }: { range: QueueEntry["ends_in_s"]; basis?: string }) {
  if (!range) return <span className="muted">not known</span>;
  const [low, high] = [formatDuration(range.p50), formatDuration(range.p90)];
  const [name = "", runs] = basis.split(", ");
  return (
    <>
      {low === high ? low : `${low} – ${high}`}
      {BASES[name] && (
        <span className="muted small">
          measured {BASES[name]}
          {runs !== "0" && ` (${runs})`}
        </span>
      )}
    </>
  );
}
