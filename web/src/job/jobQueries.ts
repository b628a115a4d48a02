/** The questions that only the pages of one job ask. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { getJson } from "../api/client";
import { keys } from "../api/queries";
import type { components } from "../api/schema";
import type { Job, MetricSeries, Page } from "../api/types";
import type { Evaluation } from "./evaluation";

export type Attempt = components["schemas"]["AttemptView"];
export type Checkpoint = components["schemas"]["CheckpointView"];
export type QueueEntry = components["schemas"]["QueueEntryView"];

const MAX_POINTS = 600; // a chart is hardly wider in pixels
const MOST_PEERS = 200;

export type Axis = "step" | "time";

/** The part of the curves that is looked at; null ends are open. */
export interface ChartWindow {
  x: Axis;
  from: string | null;
  to: string | null;
}

export function windowQuery(id: string, names: readonly string[], { x, from, to }: ChartWindow) {
  return queryOptions({
    queryKey: [...keys.metrics(id), "window", x, from, to, ...names],
    queryFn: async ({ signal }) => {
      const params = { key: names, max_points: MAX_POINTS, x, from, to };
      return (await getJson<Page<MetricSeries>>(`/v1/jobs/${id}/metrics/series`, params, signal)).data;
    },
    enabled: names.length > 0,
    structuralSharing: false,
    placeholderData: keepPreviousData,
  });
}

export function attemptsQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.events(id), "attempts"],
    queryFn: async ({ signal }) => (await getJson<Page<Attempt>>(`/v1/jobs/${id}/attempts`, {}, signal)).data,
  });
}

export function checkpointsQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.artifacts(id), "checkpoints"],
    queryFn: async ({ signal }) => (await getJson<Page<Checkpoint>>(`/v1/jobs/${id}/checkpoints`, {}, signal)).data,
  });
}

/** What the engine wrote of student and teacher, class by class: bytes that never change. */
export function evaluationQuery(contentUrl: string) {
  return queryOptions({
    queryKey: ["content", contentUrl],
    queryFn: ({ signal }) => getJson<Evaluation>(contentUrl, {}, signal),
    staleTime: Infinity,
  });
}

/** When a job probably ends; null for one that is not in the queue. */
export function outlookQuery(id: string) {
  return queryOptions({
    queryKey: ["outlook", id],
    queryFn: async ({ signal }) => {
      const queue = await getJson<Page<QueueEntry>>("/v1/queue", {}, signal);
      return queue.data.find(({ job_id }) => job_id === id) ?? null;
    },
  });
}

/** Finished jobs of a data set, to compare a student with. */
export function peersQuery(dataset: string) {
  return queryOptions({
    queryKey: [...keys.lists, "peers", dataset],
    queryFn: async ({ signal }) => {
      const params = { dataset, state: "succeeded", limit: MOST_PEERS };
      return (await getJson<Page<Job>>("/v1/jobs", params, signal)).data;
    },
  });
}
