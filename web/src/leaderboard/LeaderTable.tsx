/** The places of the leaderboard. */

import { findReach, Interval, VERDICTS } from "../gain/Interval";
import { formatBytes, formatNumber } from "../format";
import { nameMeasure, showDelta, showMeasure } from "../measures";
import { Link } from "../router";
import { ModelPair } from "../ui/ModelPair";
import { TableFrame } from "../ui/TableFrame";
import type { Leader, Leaderboard } from "./queries";

export function LeaderTable({ board, isOld }: { board: Leaderboard; isOld: boolean }) {
  const reach = findReach(board.data.map(({ gain }) => gain));
  return (
    <TableFrame label="Leaderboard" isOld={isOld}>
      <table className="plain-table leaders">
        <thead>
          <tr>
            <th scope="col" className="number">
              Place
            </th>
            <th scope="col">Job</th>
            <th scope="col" className="number" title={board.metric}>
              {nameMeasure(board.metric)}
            </th>
            <th scope="col" className="number">
              Gain
            </th>
            <th scope="col">Interval</th>
            <th scope="col">Verdict</th>
            <th scope="col" className="number">
              Parameters
            </th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col" className="number">
              Latency
            </th>
          </tr>
        </thead>
        <tbody>
          {board.data.map((leader) => (
            <LeaderRow key={leader.job.id} leader={leader} metric={board.metric} reach={reach} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function LeaderRow({ leader, metric, reach }: { leader: Leader; metric: string; reach: number }) {
  const { rank, value, job, gain, params, size_bytes: size, latency_ms: latency } = leader;
  return (
    <tr data-testid="leader" data-job={job.id}>
      <td className="number rank">{rank}</td>
      <th scope="row" className="name-cell">
        <Link href={`/jobs/${job.id}`} title={job.name} dir="auto">
          {job.name}
        </Link>
        <span className="small">
          <ModelPair summary={job.summary} />
        </span>
      </th>
      <td className="number">
        <strong>{showMeasure(metric, value)}</strong>
      </td>
      <td className="number">{typeof gain.gain === "number" ? showDelta(metric, gain.gain) : "–"}</td>
      <td>
        <Interval gain={gain} metric={metric} reach={reach} />
      </td>
      <td className="wrap-cell">
        {gain.verdict && <strong className={`verdict-${gain.verdict}`}>{VERDICTS[gain.verdict]}</strong>}
        <span className="muted small">{gain.reason}</span>
      </td>
      <td className="number">{typeof params === "number" ? params.toLocaleString("en") : "–"}</td>
      <td className="number">{typeof size === "number" ? formatBytes(size) : "–"}</td>
      <td className="number">{typeof latency === "number" ? `${formatNumber(latency)} ms` : "–"}</td>
    </tr>
  );
}
