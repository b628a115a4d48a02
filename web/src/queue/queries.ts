/** The queue of a pool, and the one thing that a person may change of it. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { getJson, sendJson } from "../api/client";
import type { components } from "../api/schema";
import type { Job, Page } from "../api/types";

export type QueueEntry = components["schemas"]["QueueEntryView"];

/** Below "jobs", whose every hint makes it stale. */
export const QUEUE = ["jobs", "queue"] as const;

export function queueQuery(pool: string, limit: number) {
  return queryOptions({
    queryKey: [...QUEUE, pool, limit],
    queryFn: ({ signal }) => getJson<Page<QueueEntry>>("/v1/queue", { pool, limit }, signal),
    placeholderData: keepPreviousData,
  });
}

export function setPriority(id: string, priority: number): Promise<Job> {
  return sendJson<Job>("PATCH", `/v1/jobs/${id}`, { priority });
}
