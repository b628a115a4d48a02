/** Size or latency against accuracy, among the finished jobs of the same data set. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { JobDetail } from "../api/types";
import { formatBytes, formatNumber, formatPercent } from "../format";
import { Link, navigate, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { peersQuery } from "./jobQueries";
import { placePeers, PRICES, type PeerPoint, type Price } from "./peers";

const WIDTH = 1000;
const HEIGHT = 300;
const LEFT = 52;
const BOTTOM = 34;
const NUM_TICKS = 4;

export function PriceChart({ job }: { job: JobDetail }) {
  const dataset = job.summary.datasets?.[0];
  const [asked, setPrice] = useParam<string>("price", "cost/size_bytes");
  const price: Price = asked in PRICES ? (asked as Price) : "cost/size_bytes";
  const peers = useQuery({ ...peersQuery(dataset ?? ""), enabled: dataset !== undefined });
  const points = useMemo(() => placePeers(peers.data ?? [], price), [peers.data, price]);
  if (dataset === undefined) return null;
  return (
    <section className="card" aria-label="Cost against accuracy">
      <div className="card-head">
        <h2>
          Cost against accuracy on <bdi>{dataset}</bdi>
        </h2>
        <div className="segments" role="group" aria-label="Cost">
          {Object.entries(PRICES).map(([key, title]) => (
            <button type="button" key={key} aria-pressed={key === price} onClick={() => setPrice(key)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      {peers.isError && <Failure error={peers.error} onRetry={() => void peers.refetch()} />}
      {peers.isPending && <Loading what="the other jobs" />}
      {peers.data && points.length === 0 && (
        <Empty>No finished job on {dataset} has both an accuracy and this cost. They come with the figures of a job that succeeds.</Empty>
      )}
      {points.length > 0 && <Scatter points={points} price={price} id={job.id} />}
    </section>
  );
}

function Scatter({ points, price, id }: { points: readonly PeerPoint[]; price: Price; id: string }) {
  const { across, up, priceTicks, accuracyTicks } = useMemo(() => makeScales(points), [points]);
  const front = points.filter(({ isBest }) => isBest);
  const drawn = [...points].sort((a, b) => Number(a.job.id === id) - Number(b.job.id === id));
  return (
    <>
      <div className="scatter-frame">
        <svg className="scatter" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`${PRICES[price]} against test accuracy of ${points.length} jobs`}>
          {accuracyTicks.map((tick) => (
            <g key={tick}>
              <line className="grid-line" x1={LEFT} x2={WIDTH - 8} y1={up(tick)} y2={up(tick)} />
              <text className="axis-tick" x={LEFT - 6} y={up(tick) + 4} textAnchor="end">
                {(tick * 100).toFixed(1)}
              </text>
            </g>
          ))}
          {priceTicks.map((tick) => (
            <text key={tick} className="axis-tick" x={across(tick)} y={HEIGHT - BOTTOM + 18} textAnchor="middle">
              {showPrice(tick, price)}
            </text>
          ))}
          <text className="axis-tick" x={LEFT - 44} y={12}>
            accuracy, %
          </text>
          <polyline className="front" points={front.map((point) => `${across(point.price)},${up(point.accuracy)}`).join(" ")} />
          {drawn.map((point) => (
            <Point key={point.job.id} point={point} x={across(point.price)} y={up(point.accuracy)} price={price} isThis={point.job.id === id} />
          ))}
        </svg>
      </div>
      <p className="muted">The line joins jobs that no cheaper one beats; cost grows to the right, in equal factors.</p>
      <details>
        <summary>As a table</summary>
        <PeerTable points={points} price={price} id={id} />
      </details>
    </>
  );
}

interface PointProps {
  point: PeerPoint;
  x: number;
  y: number;
  price: Price;
  isThis: boolean;
}

function Point({ point: { job, price: cost, accuracy }, x, y, price, isThis }: PointProps) {
  const label = `${isThis ? "this job" : job.name}: ${formatPercent(accuracy)}, ${showPrice(cost, price)}`;
  const hasTeacher = (job.summary.teachers ?? []).length > 0;
  const shape = hasTeacher ? <circle cx={x} cy={y} r={isThis ? 8 : 5.5} /> : <rect x={x - 5} y={y - 5} width={isThis ? 14 : 10} height={isThis ? 14 : 10} />;
  return (
    <a
      className={isThis ? "point point-this" : hasTeacher ? "point" : "point point-alone"}
      href={`/jobs/${job.id}`}
      aria-label={label}
      onClick={(event) => {
        event.preventDefault();
        navigate(`/jobs/${job.id}?tab=distillation`);
      }}
    >
      <title>{label}</title>
      {shape}
    </a>
  );
}

function PeerTable({ points, price, id }: { points: readonly PeerPoint[]; price: Price; id: string }) {
  return (
    <div className="plain-frame">
      <table className="job-table">
        <thead>
          <tr>
            <th scope="col">job</th>
            <th scope="col">student</th>
            <th scope="col" className="number">
              {PRICES[price]}
            </th>
            <th scope="col" className="number">
              accuracy
            </th>
          </tr>
        </thead>
        <tbody>
          {points.map(({ job, price: cost, accuracy }) => (
            <tr key={job.id} aria-current={job.id === id ? "true" : undefined}>
              <td className="clip">
                <Link href={`/jobs/${job.id}`}>
                  <bdi>{job.name}</bdi>
                </Link>
              </td>
              <td>{job.summary.student}</td>
              <td className="number">{showPrice(cost, price)}</td>
              <td className="number">{formatPercent(accuracy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function showPrice(value: number, price: Price): string {
  if (price === "cost/size_bytes") return formatBytes(value);
  return price === "cost/latency_ms" ? `${formatNumber(value)} ms` : formatNumber(value);
}

/** A logarithmic scale of costs and a linear one of accuracies, both with some air. */
function makeScales(points: readonly PeerPoint[]) {
  const logs = points.map(({ price }) => Math.log10(price));
  const accuracies = points.map(({ accuracy }) => accuracy);
  const [leftmost, rightmost] = widen(Math.min(...logs), Math.max(...logs), 0.05);
  const [lowest, highest] = widen(Math.min(...accuracies), Math.max(...accuracies), 0.005);
  const top = Math.min(highest, 1.002);
  const across = (price: number) => LEFT + ((Math.log10(price) - leftmost) / (rightmost - leftmost)) * (WIDTH - LEFT - 24);
  const up = (accuracy: number) => 22 + (1 - (accuracy - lowest) / (top - lowest)) * (HEIGHT - BOTTOM - 30);
  const spread = (low: number, high: number) => Array.from({ length: NUM_TICKS }, (_, at) => low + ((high - low) * (at + 0.5)) / NUM_TICKS);
  return { across, up, priceTicks: spread(leftmost, rightmost).map((log) => 10 ** log), accuracyTicks: spread(lowest, top) };
}

function widen(low: number, high: number, least: number): [number, number] {
  const air = Math.max((high - low) * 0.1, least);
  return [low - air, high + air];
}
