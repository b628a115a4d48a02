/** What the comparison asks: what differs, and curves. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { getJson, request } from "../api/client";
import type { components } from "../api/schema";
import type { Figures, Job, MetricPoint } from "../api/types";

type Schemas = components["schemas"];

export interface Measure extends Omit<Schemas["MeasureView"], "values"> {
  values: Figures;
}

export interface Comparison extends Omit<Schemas["ComparisonView"], "data" | "figures" | "metrics" | "differs"> {
  data: Job[];
  figures: Measure[];
  metrics: Measure[];
  differs: { pointer: string; values: Record<string, unknown> }[];
}

/** Metric -> job id -> points. */
export type Curves = Record<string, Record<string, MetricPoint[]>>;

const MAX_POINTS = 500;
const JSON_BODY = { "Content-Type": "application/json" };

export function comparisonQuery(ids: readonly string[], baseline: string, withAlike: boolean) {
  return queryOptions({
    queryKey: ["comparison", ids, baseline, withAlike],
    queryFn: ({ signal }) => getJson<Comparison>("/v1/compare", { ids: ids.join(","), baseline, all: withAlike ? "true" : null }, signal),
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
  });
}

/** `numOver` of the jobs are over: with each that ends the curves are asked for once more, for its last values. */
export function curvesQuery(ids: readonly string[], metrics: readonly string[], numOver: number) {
  return queryOptions({
    queryKey: ["comparison-curves", ids, metrics, numOver],
    queryFn: async ({ signal }) => {
      const body = JSON.stringify({ job_ids: ids, keys: metrics, max_points: MAX_POINTS });
      const answer = await request("/v1/metrics:batchGet", { method: "POST", body, headers: JSON_BODY, signal });
      return turnCurves((await answer.json()) as Schemas["SeriesBatchView"]);
    },
    enabled: ids.length > 0 && metrics.length > 0,
    structuralSharing: false,
    placeholderData: keepPreviousData,
  });
}

/** From curves by job to curves by metric. */
export function turnCurves(batch: Schemas["SeriesBatchView"]): Curves {
  const curves: Curves = {};
  for (const { job_id: id, series } of batch.data) {
    for (const { key, points } of series) (curves[key] ??= {})[id] = points;
  }
  return curves;
}
