/** Size or latency against accuracy, among the finished jobs of the same data set. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { JobDetail } from "../api/types";
import { makeScale, type Scale } from "../compare/scale";
import { showMeasure } from "../measures";
import { Link, navigate, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { Segments } from "../ui/Segments";
import { TableFrame } from "../ui/TableFrame";
import { peersQuery } from "./jobQueries";
import { placePeers, PRICES, type PeerPoint, type Price } from "./peers";

const ACCURACY = "test/accuracy";
const WIDTH = 1000;
const HEIGHT = 300;
const LEFT = 52;
const BOTTOM = 34;
const RIGHT = 24;
const TOP = 22;

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
        <Segments label="Cost" options={Object.entries(PRICES)} chosen={price} onChoose={setPrice} />
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
  const [prices, accuracies] = useMemo(() => makeScales(points, price), [points, price]);
  const toX = (at: number) => LEFT + at * (WIDTH - LEFT - RIGHT);
  const toY = (at: number) => TOP + (1 - at) * (HEIGHT - BOTTOM - TOP);
  const across = (value: number) => toX(prices.place(value) ?? 0);
  const up = (value: number) => toY(accuracies.place(value) ?? 0);
  const front = points.filter(({ isBest }) => isBest);
  const drawn = [...points].sort((a, b) => Number(a.job.id === id) - Number(b.job.id === id));
  return (
    <>
      <div className="scatter-frame">
        <svg className="scatter" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`${PRICES[price]} against test accuracy of ${points.length} jobs`}>
          {accuracies.ticks.map(({ at, text }) => (
            <g key={text}>
              <line className="grid-line" x1={LEFT} x2={WIDTH - 8} y1={toY(at)} y2={toY(at)} />
              <text className="axis-tick" x={LEFT - 6} y={toY(at) + 4} textAnchor="end">
                {text}
              </text>
            </g>
          ))}
          {prices.ticks.map(({ at, text }) => (
            <text key={text} className="axis-tick" x={toX(at)} y={HEIGHT - BOTTOM + 18} textAnchor="middle">
              {text}
            </text>
          ))}
          <text className="axis-tick" x={LEFT - 44} y={12}>
            accuracy
          </text>
          <polyline className="front" points={front.map((point) => `${across(point.price)},${up(point.accuracy)}`).join(" ")} />
          {drawn.map((point) => (
            <Point key={point.job.id} point={point} x={across(point.price)} y={up(point.accuracy)} price={price} isThis={point.job.id === id} />
          ))}
        </svg>
      </div>
      <p className="muted">The line joins jobs that no cheaper one beats; cost grows to the right.</p>
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
  const label = `${isThis ? "this job" : job.name}: ${showMeasure(ACCURACY, accuracy)}, ${showMeasure(price, cost)}`;
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
    <TableFrame label="Students and what they cost" isPlain>
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
              <td className="number">{showMeasure(price, cost)}</td>
              <td className="number">{showMeasure(ACCURACY, accuracy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

/** The scales of costs and of accuracies, with some air and round numbers beside them. */
function makeScales(points: readonly PeerPoint[], price: Price): [Scale, Scale] {
  const axis = (key: string, read: (point: PeerPoint) => number) => ({
    id: key,
    title: key,
    values: Object.fromEntries(points.map((point) => [point.job.id, read(point)])),
    isNumeric: true,
    show: (value: unknown) => showMeasure(key, value as number),
  });
  return [makeScale(axis(price, (point) => point.price), 6), makeScale(axis(ACCURACY, (point) => point.accuracy), 4)];
}
