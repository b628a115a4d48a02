/** Stored teacher outputs. */

import { infiniteQueryOptions } from "@tanstack/react-query";

import { getJson, sendJson } from "../api/client";
import type { components } from "../api/schema";

type Schemas = components["schemas"];
export type CacheEntry = Schemas["CacheEntryView"];
export type CachePage = Schemas["CachePage"];

export const CACHE = ["teacher-cache"] as const;
const ENTRIES_PER_PAGE = 100;

export function cacheQuery() {
  return infiniteQueryOptions({
    queryKey: CACHE,
    queryFn: ({ pageParam, signal }) => getJson<CachePage>("/v1/teacher-cache", { limit: ENTRIES_PER_PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.has_more ? page.last_id : null),
  });
}

export function removeEntry(key: string): Promise<unknown> {
  return sendJson("DELETE", `/v1/teacher-cache/${encodeURIComponent(key)}`);
}
