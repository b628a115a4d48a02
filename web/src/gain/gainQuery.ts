/** What a job gained over the same training without a teacher. */

import { queryOptions } from "@tanstack/react-query";

import { getJson } from "../api/client";
import { keys } from "../api/queries";
import type { components } from "../api/schema";

export type Gain = components["schemas"]["GainView"];

const STALE_MS = 30_000; // other jobs that end change it

export function gainQuery(id: string, metric: string) {
  return queryOptions({
    queryKey: [...keys.detail(id), "gain", metric],
    queryFn: ({ signal }) => getJson<Gain>(`/v1/jobs/${id}/gain`, { metric }, signal),
    staleTime: STALE_MS,
  });
}
