/** The points that a job may be resumed from; the next attempt goes on from the furthest. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { formatBytes, formatNumber } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Age } from "../ui/Age";
import { CopyButton } from "../ui/CopyButton";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { checkpointsQuery, type Checkpoint } from "./jobQueries";

const SHORT_DIGITS = 12;

export function CheckpointList({ job }: { job: JobDetail }) {
  const checkpoints = useQuery({ ...checkpointsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  return (
    <section className="card">
      <h2>Checkpoints</h2>
      {checkpoints.isError && <Failure error={checkpoints.error} onRetry={() => void checkpoints.refetch()} />}
      {checkpoints.isPending && <Loading what="checkpoints" />}
      {checkpoints.data?.length === 0 && (
        <Empty>
          {isFinal(job.state) ? "None are kept: a job that is over needs none." : "None yet: they are saved at the interval of the spec, and when a stage begins."}
        </Empty>
      )}
      {checkpoints.data && checkpoints.data.length > 0 && <Table checkpoints={checkpoints.data.toReversed()} />}
    </section>
  );
}

function Table({ checkpoints }: { checkpoints: readonly Checkpoint[] }) {
  return (
    <TableFrame label="Checkpoints" isPlain>
      <table className="job-table">
        <thead>
          <tr>
            <th scope="col">stage</th>
            <th scope="col" className="number">
              step
            </th>
            <th scope="col" className="number">
              attempt
            </th>
            <th scope="col" className="number">
              size
            </th>
            <th scope="col">saved</th>
            <th scope="col">sha256</th>
          </tr>
        </thead>
        <tbody>
          {checkpoints.map((each) => (
            <tr key={each.id}>
              <td>
                <bdi>{each.stage}</bdi>
              </td>
              <td className="number">{formatNumber(each.step)}</td>
              <td className="number">{each.attempt}</td>
              <td className="number">{formatBytes(each.size)}</td>
              <td>
                <Age time={each.created_at} />
              </td>
              <td>
                <span className="sha" title={each.sha256}>
                  <code>{each.sha256.slice(0, SHORT_DIGITS)}…</code>
                  <CopyButton text={each.sha256} label={`Copy the sha256 of the checkpoint of step ${each.step}`} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
