/** The interval of a gain, drawn. */

import { showDelta } from "../measures";
import type { Gain } from "./gainQuery";

export const VERDICTS = { gain: "gain", loss: "loss", no_evidence: "no evidence" } as const;
const WIDTH = 220;
const HEIGHT = 22;

/** How far the intervals reach from nought: the scale that they share. */
export function findReach(gains: readonly (Gain | undefined)[]): number {
  return Math.max(1e-9, ...gains.flatMap((gain) => [gain?.low, gain?.high, gain?.gain].map((end) => Math.abs(end ?? 0))));
}

/** The interval on a scale that all rows share, nought in its middle. */
export function Interval({ gain, metric, reach }: { gain: Gain; metric: string; reach: number }) {
  const { low, high, gain: middle } = gain;
  if (typeof low !== "number" || typeof high !== "number" || typeof middle !== "number") return <>–</>;
  const place = (value: number) => WIDTH / 2 + (value / reach) * (WIDTH / 2 - 6);
  return (
    <svg className={`interval interval-${gain.verdict}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`from ${showDelta(metric, low)} to ${showDelta(metric, high)}`}>
      <title>{`from ${showDelta(metric, low)} to ${showDelta(metric, high)}`}</title>
      <line className="nought" x1={WIDTH / 2} x2={WIDTH / 2} y1="1" y2={HEIGHT - 1} />
      <line className="reach" x1={place(low)} x2={place(high)} y1={HEIGHT / 2} y2={HEIGHT / 2} />
      <circle cx={place(middle)} cy={HEIGHT / 2} r="4" />
    </svg>
  );
}
