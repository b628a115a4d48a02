/** What jobs can be drawn by: figures, last values of metrics, and places of their specs. */

import type { Job, MetricValue } from "../api/types";
import { nameMeasure, showMeasure } from "../measures";
import type { Comparison } from "./queries";

/** What is drawn of a job. */
export type Drawn = Pick<Job, "id" | "name">;

export interface Axis {
  /** As the address names it: `figure:KEY`, `metric:KEY` or `spec:POINTER`. */
  id: string;
  title: string;
  /** Job id -> value. */
  values: Record<string, unknown>;
  isNumeric: boolean;
  show: (value: unknown) => string;
}

const WORDS = new Set(["/name", "/description"]);
const COSTS = ["figure:cost/size_bytes", "figure:cost/latency_ms"];
const RESULTS = ["figure:test/accuracy", "metric:val/accuracy"];
const MOST_AXES = 7;

/** Every axis that a comparison offers; a metric that is a figure too is offered once. */
export function listAxes({ figures, metrics, differs }: Comparison): Axis[] {
  const known = new Set(figures.map(({ key }) => key));
  return [
    ...figures.map(({ key, values }) => measureAxis("figure", key, values)),
    ...metrics.filter(({ key }) => !known.has(key)).map(({ key, values }) => measureAxis("metric", key, values)),
    ...differs.filter(({ pointer }) => !WORDS.has(pointer)).map(({ pointer, values }) => specAxis(pointer, values)),
  ];
}

function measureAxis(kind: "figure" | "metric", key: string, values: Record<string, MetricValue>): Axis {
  const title = kind === "metric" ? `${nameMeasure(key)}, last` : nameMeasure(key);
  return { id: `${kind}:${key}`, title, values, isNumeric: true, show: (value) => showMeasure(key, value as MetricValue) };
}

function specAxis(pointer: string, values: Record<string, unknown>): Axis {
  return { id: `spec:${pointer}`, title: pointer, values, isNumeric: Object.values(values).every(isNumber), show: showPlain };
}

/** A value of a spec in one line. */
export function showPlain(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The axes of the scatter where the address names none: what a student costs against how good it is. */
export function choosePair(axes: readonly Axis[], x: string, y: string): [Axis | null, Axis | null] {
  const numeric = axes.filter(({ isNumeric }) => isNumeric);
  const find = (id: string) => numeric.find((axis) => axis.id === id);
  const first = (ids: readonly string[], other: Axis | null) =>
    ids.map(find).find((axis) => axis && spread(axis) > 1) ?? ids.map(find).find(Boolean) ?? numeric.find((axis) => axis !== other) ?? null;
  const up = find(y) ?? first(RESULTS, null);
  return [find(x) ?? first(COSTS, up), up];
}

/** The axes of the parallel coordinates: those named, else what differs in the specs, then costs and results. */
export function chooseAxes(axes: readonly Axis[], named: readonly string[]): Axis[] {
  const find = (id: string) => axes.find((axis) => axis.id === id);
  if (named.length > 0) return named.flatMap((id) => find(id) ?? []);
  const ends = [...COSTS, ...RESULTS.slice(0, 1)].flatMap((id) => find(id) ?? []);
  const told = axes.filter(({ id, values }) => id.startsWith("spec:") && spread({ values }) > 1 && isShort(values));
  return [...told.slice(0, MOST_AXES - ends.length), ...ends];
}

/** How many different values an axis has. */
function spread({ values }: Pick<Axis, "values">): number {
  return new Set(Object.values(values).map(showPlain)).size;
}

function isShort(values: Record<string, unknown>): boolean {
  return Object.values(values).every((value) => typeof value !== "object");
}

export function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
