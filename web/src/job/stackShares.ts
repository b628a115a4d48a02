/** From shares over time to the edges of stacked areas. */

import type { MetricSeries } from "../api/types";
import { alignSeries } from "./alignSeries";

export interface Layer {
  key: string;
  /** The lower and the upper edge at each step, from 0 to 1. */
  low: number[];
  high: number[];
  last: number;
}

/** Stack the shares at each step; a term that a stage does not have has none there, and the rest fills the whole. */
export function stackShares(series: readonly Pick<MetricSeries, "key" | "points">[]): { steps: number[]; layers: Layer[] } {
  const { steps, lines } = alignSeries(series);
  const totals = steps.map((_, at) => lines.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
  let edge = steps.map(() => 0);
  const layers = lines.map(({ key, values }) => {
    const low = edge;
    const high = low.map((before, at) => before + (totals[at] ? (values[at] ?? 0) / totals[at] : 0));
    edge = high;
    return { key, low, high, last: (high.at(-1) ?? 0) - (low.at(-1) ?? 0) };
  });
  return { steps, layers };
}
