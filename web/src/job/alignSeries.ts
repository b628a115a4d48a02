/** From series with steps of their own to the columns that uPlot draws. */

import type { MetricPoint, MetricSeries, MetricValue } from "../api/types";
import type { Axis } from "./jobQueries";

type Curve = Pick<MetricSeries, "key" | "points">;
export type Column = (number | null)[];

/** One line: its value at each step, and the extremes that its buckets hide. */
export interface Line {
  key: string;
  values: Column;
  lows: Column;
  highs: Column;
  /** How many points are drawn. */
  count: number;
  /** How many values are not finite, and so cannot be drawn. */
  numLost: number;
}

export interface Aligned {
  steps: number[];
  lines: Line[];
}

/** Bring all series to the union of their steps, or times in seconds; where one has no point it has null. */
export function alignSeries(series: readonly Curve[], x: Axis = "step"): Aligned {
  const place = x === "step" ? ({ step }: MetricPoint) => step : ({ time }: MetricPoint) => Date.parse(time) / 1000;
  const steps = [...new Set(series.flatMap(({ points }) => points.map(place)))].sort((a, b) => a - b);
  return { steps, lines: series.map((each) => alignOne(each, steps, place)) };
}

function alignOne({ key, points }: Curve, steps: readonly number[], place: (point: MetricPoint) => number): Line {
  const byStep = new Map(points.map((point) => [place(point), point]));
  const pick = (read: (point: MetricPoint) => MetricValue): Column =>
    steps.map((step) => readFinite(byStep.get(step), read));
  const values = pick((point) => point.value);
  const count = values.filter((value) => value !== null).length;
  return {
    key,
    values,
    lows: pick((point) => point.min),
    highs: pick((point) => point.max),
    count,
    numLost: points.length - count,
  };
}

function readFinite(point: MetricPoint | undefined, read: (point: MetricPoint) => MetricValue): number | null {
  const value = point ? read(point) : null;
  return typeof value === "number" ? value : null;
}
