/** The jobs of a view: page after page as one scrolls, and those in sight kept fresh. */

import { useInfiniteQuery, useQueries, useQuery, useQueryClient, type UseInfiniteQueryResult } from "@tanstack/react-query";
import { useCallback, useMemo, useRef } from "react";

import { keys } from "../api/queries";
import type { Job } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import type { JobsView } from "./jobsView";
import { flattenPages, JOBS_A_PAGE, pagesKey, pagesQuery, refreshPages, sparksQuery } from "./queries";

const SPARKS_EVERY_MS = 10_000;

export interface Jobs {
  query: UseInfiniteQueryResult<unknown>;
  jobs: Job[];
  /** Why the last look at the jobs in sight failed. */
  error: Error | null;
  onSeen: (first: number, last: number) => void;
  onEnd: () => void;
  retry: () => void;
}

export function useJobs(view: JobsView): Jobs {
  const client = useQueryClient();
  const seen = useRef<readonly [number, number]>([0, 0]);
  const query = useInfiniteQuery(pagesQuery(view));
  const { data, isSuccess, isPlaceholderData, fetchNextPage, isFetchingNextPage, isFetchNextPageError } = query;
  const sight = useQuery({
    // Under the key of all lists: what makes them stale makes this ask for the pages in sight.
    queryKey: [...keys.lists, "in sight", ...pagesKey(view)],
    queryFn: ({ signal }) => refreshPages(client, view, seen.current, signal),
    enabled: isSuccess && !isPlaceholderData,
    initialData: 0,
    initialDataUpdatedAt: () => client.getQueryState(pagesKey(view))?.dataUpdatedAt,
    refetchInterval: usePollInterval(),
  });
  const jobs = useMemo(() => flattenPages(data), [data]);
  const onSeen = useCallback((first: number, last: number) => {
    seen.current = [Math.floor(first / JOBS_A_PAGE), Math.floor(last / JOBS_A_PAGE)];
  }, []);
  const onEnd = useCallback(() => {
    if (!isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage, isFetchNextPageError]);
  const retry = () => void (query.data ? fetchNextPage() : query.refetch());
  return { query, jobs, error: query.error ?? (data ? sight.error : null), onSeen, onEnd, retry };
}

/** The small curves of the jobs: asked for page by page, again and again while one of the page's jobs lives. */
export function useSparks(key: string, jobs: readonly Job[]): Readonly<Record<string, readonly number[]>> {
  const parts = useMemo(() => {
    const starts = Array.from({ length: Math.ceil(jobs.length / JOBS_A_PAGE) }, (_, index) => index * JOBS_A_PAGE);
    return key ? starts.map((start) => jobs.slice(start, start + JOBS_A_PAGE)) : [];
  }, [key, jobs]);
  return useQueries({
    queries: parts.map((part) => ({
      ...sparksQuery(key, part.map(({ id }) => id)),
      refetchInterval: part.some(({ state }) => !isFinal(state)) ? SPARKS_EVERY_MS : (false as const),
    })),
    combine: mergeSparks,
  });
}

function mergeSparks(results: readonly { data: Record<string, number[]> | undefined }[]): Record<string, number[]> {
  return Object.assign({}, ...results.map(({ data }) => data)) as Record<string, number[]>;
}
