/** A sweep as it is being written beside the spec: what its fields hold, and the order that they make. */

import { parse } from "yaml";

import { isRecord, type Step } from "../components/schema";
import { readAt, suggestKeys, type Known, type Suggestion } from "./specPlaces";
import { joinPointer, splitPointer } from "./specText";

export interface AxisDraft {
  pointer: string;
  kind: "values" | "range";
  /** YAML with commas between. */
  values: string;
  low: string;
  high: string;
  isLog: boolean;
  isInteger: boolean;
  points: string;
}

export interface SweepDraft {
  axes: AxisDraft[];
  search: "grid" | "random";
  trials: string;
  seed: string;
  metric: string;
  direction: "" | "minimize" | "maximize";
  isHalving: boolean;
  factor: string;
  rungs: string;
}

export const NEW_AXIS: AxisDraft = { pointer: "", kind: "values", values: "", low: "", high: "", isLog: false, isInteger: false, points: "3" };

export const NEW_SWEEP: SweepDraft = {
  axes: [{ ...NEW_AXIS, pointer: "/runtime/seed", values: "0, 1, 2" }],
  search: "grid",
  trials: "20",
  seed: "0",
  metric: "val/accuracy",
  direction: "",
  isHalving: false,
  factor: "3",
  rungs: "2",
};

const MOST_PLACES = 400;
const MOST_DEEP = 8;

/** The body that submits it, or what is still missing. */
export function writeSweep(draft: SweepDraft, spec: Record<string, unknown> | null): { body: string; missing: null } | { body: null; missing: string } {
  const miss = (missing: string) => ({ body: null, missing });
  if (!spec) return miss("The spec cannot be read at the moment.");
  if (draft.axes.length === 0) return miss("Add an axis: a place of the spec, and what may stand there.");
  const axes: Record<string, object> = {};
  for (const [index, axis] of draft.axes.entries()) {
    const name = axis.pointer || `axis ${index + 1}`;
    if (!axis.pointer.startsWith("/")) return miss(`Say which place of the spec axis ${index + 1} is, as /runtime/seed.`);
    if (axis.pointer in axes) return miss(`${name} is an axis twice: write all its values in one.`);
    const said = axis.kind === "values" ? readValues(axis.values) : readRange(axis, draft.search);
    if (typeof said === "string") return miss(`${name}: ${said}`);
    axes[axis.pointer] = said;
  }
  const metric = draft.metric.trim();
  if (draft.isHalving && !metric) return miss("Trials are judged by a metric: name one, or let all of them run to their end.");
  const body = {
    spec,
    axes,
    search: draft.search,
    ...(draft.search === "random" && { trials: readNumber(draft.trials), seed: readNumber(draft.seed) ?? 0 }),
    ...(metric && { metric }),
    ...(metric && draft.direction && { direction: draft.direction }),
    ...(draft.isHalving && { halving: { factor: readNumber(draft.factor), rungs: readNumber(draft.rungs) } }),
  };
  return { body: JSON.stringify(body), missing: null };
}

function readValues(text: string): { values: unknown[] } | string {
  let values: unknown;
  try {
    values = parse(`[${text}]`);
  } catch {
    return "the values cannot be read; write them with commas between, as 0.01, 0.1";
  }
  if (!Array.isArray(values) || values.length === 0) return "write its values, with commas between";
  return { values: values as unknown[] };
}

function readRange({ low, high, isLog, isInteger, points }: AxisDraft, search: SweepDraft["search"]): object | string {
  const [from, to] = [readNumber(low), readNumber(high)];
  if (from === null || to === null) return "a range has two numbers";
  if (from >= to) return "the first number of a range is less than the second";
  if (isLog && from <= 0) return "equal ratios need numbers above 0";
  const count = readNumber(points);
  if (search === "grid" && count === null) return "a grid takes so many points of a range: say how many";
  return { low: from, high: to, ...(isLog && { scale: "log" }), ...(isInteger && { is_integer: true }), ...(search === "grid" && { points: count }) };
}

function readNumber(text: string): number | null {
  const number = Number(text.trim());
  return text.trim() === "" || !Number.isFinite(number) ? null : number;
}

/** The places of a spec that may be varied: what is written, with what stands there, and what may be written beside it. */
export function listPlaces(spec: Record<string, unknown>, known: Known | null): Suggestion[] {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: readonly Step[]): void => {
    if (path.length > MOST_DEEP || found.size > MOST_PLACES) return;
    if (isRecord(value)) for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name]);
    else if (Array.isArray(value) && value.some((each) => typeof each === "object")) (value as unknown[]).forEach((inner, index) => walk(inner, [...path, index]));
    else found.set(joinPointer(path), `now ${JSON.stringify(value)}`);
  };
  walk(spec, []);
  for (const path of known ? listMappings(spec, []) : []) {
    for (const { name, detail } of suggestKeys(known!, path, spec)) {
      const pointer = joinPointer([...path, name]);
      if (path.length > 0 && !found.has(pointer) && found.size < MOST_PLACES) found.set(pointer, detail);
    }
  }
  return [...found].map(([name, detail]) => ({ name, detail }));
}

/** The paths of all mappings, and of `runtime`, which most specs leave out. */
function listMappings(value: unknown, path: readonly Step[]): Step[][] {
  const inner = isRecord(value) ? Object.entries(value) : Array.isArray(value) ? (value as unknown[]).map((each, index) => [index, each] as const) : [];
  const own = isRecord(value) ? [[...path]] : [];
  const more = path.length === 0 && isRecord(value) && !("runtime" in value) ? [["runtime"]] : [];
  return [...own, ...more, ...inner.flatMap(([step, each]) => listMappings(each, [...path, step]))];
}

/** What stands at a pointer now, in words; empty where nothing does. */
export function showNow(spec: Record<string, unknown> | null, pointer: string): string {
  const value = readAt(spec, splitPointer(pointer));
  return value === undefined || typeof value === "object" ? "" : `now ${JSON.stringify(value)}`;
}
