/** What the list of jobs shows, as the address says it: which jobs, in which order, with which columns. */

import type { Params } from "../api/client";
import type { JobState } from "../api/types";
import { JOB_STATES } from "../jobStates";

export const COMPONENTS = ["student", "teacher", "dataset", "method"] as const;
export type ComponentKind = (typeof COMPONENTS)[number];

/** Spans of time before now that jobs may be made in. */
export const SPANS: Readonly<Record<string, { title: string; seconds: number }>> = {
  "1h": { title: "last hour", seconds: 3600 },
  "24h": { title: "last 24 hours", seconds: 86_400 },
  "7d": { title: "last 7 days", seconds: 7 * 86_400 },
  "30d": { title: "last 30 days", seconds: 30 * 86_400 },
};

export const DEFAULT_SORT = "-created_at";
export const DEFAULT_COLUMNS: readonly string[] = [
  "state",
  "progress",
  "figure:test/accuracy",
  "figure:cost/size_bytes",
  "duration",
  "created",
];

const LABEL = "label.";
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export interface JobsView {
  states: JobState[];
  text: string;
  components: Partial<Record<ComponentKind, string>>;
  labels: Record<string, string>;
  /** Id of the sweep that they are trials of, or nothing. */
  sweep: string;
  /** Name of a span before now, or nothing. */
  within: string;
  /** Days in the reader's own time zone, or nothing. */
  from: string;
  to: string;
  sort: string;
  columns: string[];
}

/** Read the address; what it says and cannot be is left out. */
export function readView(params: URLSearchParams): JobsView {
  const asked = new Set((params.get("state") ?? "").split(","));
  const columns = params.get("cols");
  return {
    states: JOB_STATES.filter((state) => asked.has(state)),
    text: params.get("q") ?? "",
    components: Object.fromEntries(COMPONENTS.flatMap((kind) => (params.get(kind) ? [[kind, params.get(kind)]] : []))),
    labels: Object.fromEntries(
      [...params].filter(([name]) => name.startsWith(LABEL)).map(([name, value]) => [name.slice(LABEL.length), value]),
    ),
    sweep: params.get("sweep") ?? "",
    within: params.get("within") && SPANS[params.get("within")!] ? params.get("within")! : "",
    from: readDay(params.get("from")),
    to: readDay(params.get("to")),
    sort: params.get("sort") || DEFAULT_SORT,
    columns: columns === null ? [...DEFAULT_COLUMNS] : [...new Set(columns.split(" ").filter(Boolean))],
  };
}

/** The columns as the address says them; the usual ones are left out of it. */
export function writeColumns(columns: readonly string[]): string {
  const text = columns.join(" ");
  return text === DEFAULT_COLUMNS.join(" ") ? "" : text || " ";
}

/** The name of a label's filter in the address. */
export function labelParam(key: string): string {
  return LABEL + key;
}

/** Whether the view leaves any job out. */
export function isFiltered(view: JobsView): boolean {
  const { states, text, components, labels, sweep, within, from, to } = view;
  return states.length > 0 || Boolean(text || sweep || within || from || to) || Object.keys({ ...components, ...labels }).length > 0;
}

/** The parameters that ask the server for it; spans are counted back from `now`. */
export function listParams(view: JobsView, now: number): Params {
  const since = view.within ? new Date(now - SPANS[view.within]!.seconds * 1000).toISOString() : startOf(view.from, 0);
  return {
    state: view.states,
    q: view.text,
    ...view.components,
    ...Object.fromEntries(Object.entries(view.labels).map(([key, value]) => [labelParam(key), value])),
    sweep: view.sweep,
    created_after: since,
    created_before: startOf(view.to, 1),
    sort: view.sort === DEFAULT_SORT ? null : view.sort,
    metrics: view.columns.filter((id) => id.startsWith("metric:")).map((id) => id.slice("metric:".length)),
  };
}

/** The order after a click on a column's title: largest or newest first, then the other way, then the usual one. */
export function turnSort(current: string, key: string): string {
  const first = key === "name" ? key : `-${key}`;
  const second = key === "name" ? `-${key}` : key;
  if (current === first) return second;
  return current === second && key !== "created_at" ? "" : first;
}

function readDay(text: string | null): string {
  return text && DAY.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
}

/** The instant at which a day of the reader begins, some days later. */
function startOf(day: string, later: number): string | null {
  if (!day) return null;
  const moment = new Date(`${day}T00:00`);
  moment.setDate(moment.getDate() + later);
  return moment.toISOString();
}
