/** The hosts that run jobs, and what may be asked of them. */

import { queryOptions } from "@tanstack/react-query";

import { getJson, sendJson } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../api/types";

export type Worker = components["schemas"]["WorkerView"];

/** Below "jobs", whose every hint makes it stale: devices change hands when jobs move. */
export const WORKERS = ["jobs", "workers"] as const;

export function workersQuery() {
  return queryOptions({
    queryKey: WORKERS,
    queryFn: async ({ signal }) => (await getJson<Page<Worker>>("/v1/workers", {}, signal)).data,
  });
}

export function drainWorker(id: string, now: boolean): Promise<Worker> {
  return sendJson<Worker>("POST", `/v1/workers/${id}/drain`, { now });
}

export function undrainWorker(id: string): Promise<Worker> {
  return sendJson<Worker>("POST", `/v1/workers/${id}/undrain`);
}
