/** The executions of a job: where each ran, for how long, and why it ended. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { useNow } from "../clock";
import { formatDuration, formatNumber, formatTime, formatWord } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Link } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { attemptsQuery, type Attempt } from "./jobQueries";

export function AttemptTable({ job }: { job: JobDetail }) {
  const attempts = useQuery({ ...attemptsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  return (
    <section className="card">
      <h2>Attempts</h2>
      {attempts.isError && <Failure error={attempts.error} onRetry={() => void attempts.refetch()} />}
      {attempts.isPending && <Loading what="attempts" />}
      {attempts.data?.length === 0 && <Empty>No worker has taken the job yet.</Empty>}
      {attempts.data && attempts.data.length > 0 && (
        <TableFrame label="Attempts" isPlain>
          <table className="job-table attempts">
            <thead>
              <tr>
                <th scope="col">attempt</th>
                <th scope="col">worker and devices</th>
                <th scope="col">began</th>
                <th scope="col">took</th>
                <th scope="col">from</th>
                <th scope="col">how it ended</th>
                <th scope="col">log</th>
              </tr>
            </thead>
            <tbody>
              {attempts.data.toReversed().map((attempt) => (
                <Row key={attempt.id} attempt={attempt} job={job} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </section>
  );
}

function Row({ attempt, job }: { attempt: Attempt; job: JobDetail }) {
  const now = useNow();
  const began = attempt.started_at ?? attempt.created_at;
  const seconds = ((attempt.finished_at ? Date.parse(attempt.finished_at) : now) - Date.parse(began)) / 1000;
  return (
    <tr>
      <th scope="row">
        {attempt.number}
      </th>
      <td>
        <code className="attempt-worker">{attempt.worker_id}</code>
        <span className="fact-more">{attempt.devices.map(describeDevices).join("; ") || "no device named"}</span>
      </td>
      <td>{formatTime(began)}</td>
      <td>{formatDuration(seconds)}</td>
      <td>{attempt.resumed_from ? <>step {formatNumber(attempt.start_step)}<code className="fact-more">{attempt.resumed_from}</code></> : "the beginning"}</td>
      <td>{describeEnd(attempt, job)}</td>
      <td>
        <Link href={`/jobs/${job.id}?tab=log&attempt=${attempt.number}`}>log</Link>
      </td>
    </tr>
  );
}

/** The devices of a node, by their numbers on it. */
function describeDevices(share: unknown): string {
  const { node, indices } = share as { node?: number; indices?: number[] };
  if (!indices) return JSON.stringify(share);
  const where = node ? `node ${node}, ` : "";
  return `${where}${indices.length === 1 ? "device" : "devices"} ${indices.join(", ")}`;
}

function describeEnd({ finished_at, reason, exit_code, signal, is_counted, number }: Attempt, job: JobDetail): string {
  if (finished_at === null) return number === job.attempt && !isFinal(job.state) ? "goes on" : "without a word";
  const how = [
    reason ? formatWord(reason) : exit_code === 0 ? "it was done" : "ended",
    exit_code !== null && exit_code !== 0 ? `exit code ${exit_code}` : null,
    signal !== null ? `signal ${signal}` : null,
    is_counted ? "charged to its restarts" : null,
  ];
  return how.filter(Boolean).join(", ");
}
