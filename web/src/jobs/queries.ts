/** What the list of jobs asks: its pages, the curves in it, saved views; and what it tells the server to do. */

import { infiniteQueryOptions, keepPreviousData, queryOptions, type InfiniteData, type QueryClient } from "@tanstack/react-query";

import { getJson, request } from "../api/client";
import { askJob, keys } from "../api/queries";
import type { components } from "../api/schema";
import type { Job, Page } from "../api/types";
import { listParams, type JobsView } from "./jobsView";

export const JOBS_A_PAGE = 100;
const SPARK_POINTS = 40;
const AT_ONCE = 6;

export type SavedView = components["schemas"]["SavedViewView"];
type Batch = components["schemas"]["SeriesBatchView"];
type Pages = InfiniteData<Page<Job>, string | null>;

/** Where the pages of a view are kept; not under the lists' key, so that a hint does not ask for all of them again. */
export function pagesKey({ columns, ...which }: JobsView): readonly unknown[] {
  return ["job-pages", which, columns.filter((id) => id.startsWith("metric:"))];
}

export function pagesQuery(view: JobsView) {
  return infiniteQueryOptions({
    queryKey: pagesKey(view),
    queryFn: ({ pageParam, signal }) => getPage(view, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: findNext,
    placeholderData: keepPreviousData,
    staleTime: Infinity, // `refreshPages` keeps those fresh that are seen
  });
}

/**
 * Ask again for the pages from `first` to `last`, which are those that are seen.
 *
 * Pages behind them stay while they still join; else they are dropped, and come again when they are scrolled to.
 */
export async function refreshPages(client: QueryClient, view: JobsView, seen: readonly [number, number], signal: AbortSignal): Promise<number> {
  const known = client.getQueryData<Pages>(pagesKey(view));
  if (!known) return 0;
  const first = Math.min(seen[0], known.pages.length - 1);
  const last = Math.min(Math.max(seen[1], first), known.pages.length - 1);
  const fresh: Page<Job>[] = [];
  let place: string | null | undefined = known.pageParams[first];
  for (let index = first; index <= last && place !== undefined; index++) {
    fresh.push(await getPage(view, place, signal));
    place = findNext(fresh.at(-1)!);
  }
  client.setQueryData<Pages>(pagesKey(view), (now) => now && joinPages(now, first, fresh));
  return Date.now();
}

/** Put fresh pages in the place of old ones; what lies behind them stays if it begins where they end. */
export function joinPages({ pages, pageParams }: Pages, first: number, fresh: readonly Page<Job>[]): Pages {
  const starts = fresh.map((_, index) => (index === 0 ? (pageParams[first] ?? null) : (findNext(fresh[index - 1]!) ?? null)));
  const end = first + fresh.length;
  const joins = pageParams[end] !== undefined && pageParams[end] === findNext(fresh.at(-1)!);
  return {
    pages: [...pages.slice(0, first), ...fresh, ...(joins ? pages.slice(end) : [])],
    pageParams: [...pageParams.slice(0, first), ...starts, ...(joins ? pageParams.slice(end) : [])],
  };
}

/** All jobs of the pages; one that has moved from page to page is shown once. */
export function flattenPages(data: InfiniteData<Page<Job>, unknown> | undefined): Job[] {
  return [...new Map(data?.pages.flatMap((page) => page.data).map((job) => [job.id, job])).values()];
}

function getPage(view: JobsView, after: string | null, signal: AbortSignal): Promise<Page<Job>> {
  return getJson<Page<Job>>("/v1/jobs", { limit: JOBS_A_PAGE, after, ...listParams(view, Date.now()) }, signal);
}

function findNext(page: Page<Job>): string | undefined {
  return page.has_more ? (page.next ?? page.last_id ?? undefined) : undefined;
}

/** One metric of up to 200 jobs, as few points: job id -> values. */
export function sparksQuery(key: string, ids: readonly string[]) {
  return queryOptions({
    queryKey: ["job-sparks", key, ids],
    queryFn: async ({ signal }) => {
      const body = JSON.stringify({ job_ids: ids, keys: [key], max_points: SPARK_POINTS });
      const answer = await request("/v1/metrics:batchGet", { method: "POST", body, headers: JSON_BODY, signal });
      return readSparks((await answer.json()) as Batch);
    },
    enabled: ids.length > 0 && key !== "",
    placeholderData: keepPreviousData,
  });
}

export function readSparks(batch: Batch): Record<string, number[]> {
  return Object.fromEntries(
    batch.data.map(({ job_id: id, series }) => [
      id,
      (series[0]?.points ?? []).flatMap(({ value }) => (typeof value === "number" ? [value] : [])),
    ]),
  );
}

const JSON_BODY = { "Content-Type": "application/json" };
export const VIEWS_KEY = ["saved-views"] as const;

export function viewsQuery() {
  return queryOptions({
    queryKey: VIEWS_KEY,
    queryFn: async ({ signal }) => (await getJson<{ data: SavedView[] }>("/v1/views", {}, signal)).data,
    staleTime: 60_000,
  });
}

export async function saveView(name: string, query: string): Promise<void> {
  await send("POST", "/v1/views", { name, query });
}

export async function changeView(id: string, name: string, query: string): Promise<void> {
  await send("PUT", `/v1/views/${id}`, { name, query });
}

export async function deleteView(id: string): Promise<void> {
  await request(`/v1/views/${id}`, { method: "DELETE" });
}

/** Keys of what the jobs have measured, to choose columns from. */
export function measuresQuery(ids: readonly string[]) {
  return queryOptions({
    queryKey: ["job-measures", ids],
    queryFn: async ({ signal }) => {
      const found = await getJson<components["schemas"]["ComparisonView"]>("/v1/compare", { ids: ids.join(",") }, signal);
      return { figures: found.figures.map(({ key }) => key), metrics: found.metrics.map(({ key }) => key) };
    },
    enabled: ids.length > 0,
    staleTime: 30_000,
  });
}

/** Names of the components that specs may use, to choose filters from. */
export function componentsQuery() {
  return queryOptions({
    queryKey: ["components", "names"],
    queryFn: async ({ signal }) => {
      const found = await getJson<Record<"methods" | "models" | "datasets", Record<string, unknown>>>("/v1/components", {}, signal);
      return { method: Object.keys(found.methods), student: Object.keys(found.models), teacher: Object.keys(found.models), dataset: Object.keys(found.datasets) };
    },
    staleTime: Infinity,
  });
}

/** Set labels of a job; null removes one. */
export async function labelJob(id: string, labels: Record<string, string | null>): Promise<void> {
  await send("PATCH", `/v1/jobs/${id}`, { labels });
}

export async function cancelOne(id: string): Promise<void> {
  await askJob(id, "cancel");
}

/** Do something to many jobs, a few at once; return those that refused and why. */
export async function doToAll(ids: readonly string[], act: (id: string) => Promise<void>): Promise<{ id: string; error: Error }[]> {
  const waiting = [...ids];
  const failures: { id: string; error: Error }[] = [];
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      await act(id).catch((error: Error) => failures.push({ id: id!, error }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

export function refreshLists(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.lists });
}

async function send(method: string, path: string, body: object): Promise<void> {
  await request(path, { method, body: JSON.stringify(body), headers: JSON_BODY });
}
