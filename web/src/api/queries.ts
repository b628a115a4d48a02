/** Every question that the pages ask, with its place in the query cache. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { getJson, postText } from "./client";
import type { Artifact, Job, JobDetail, JobEvent, MetricSummary, Page, StateFacts, Validation, Verb } from "./types";

const EVENTS_PER_PAGE = 200;
const YAML = { "Content-Type": "application/yaml" };

export const keys = {
  lists: ["jobs"] as const,
  jobs: ["job"] as const,
  job: (id: string) => ["job", id] as const,
  detail: (id: string) => ["job", id, "detail"] as const,
  events: (id: string) => ["job", id, "events"] as const,
  metrics: (id: string) => ["job", id, "metrics"] as const,
  artifacts: (id: string) => ["job", id, "artifacts"] as const,
  log: (id: string) => ["job", id, "log"] as const,
};

export function jobQuery(id: string) {
  return queryOptions({
    queryKey: keys.detail(id),
    queryFn: ({ signal }) => getJson<JobDetail>(`/v1/jobs/${id}`, {}, signal),
  });
}

const MOST_FOUND = 12;

/** The newest jobs whose names hold a text. */
export function findJobsQuery(text: string) {
  return queryOptions({
    queryKey: [...keys.lists, "find", text],
    queryFn: async ({ signal }) => (await getJson<Page<Job>>("/v1/jobs", { q: text, limit: MOST_FOUND }, signal)).data,
    placeholderData: keepPreviousData,
  });
}

export function eventsQuery(id: string) {
  return queryOptions({
    queryKey: keys.events(id),
    queryFn: async ({ client, signal }) => {
      const known = client.getQueryData<JobEvent[]>(keys.events(id)) ?? [];
      return [...known, ...(await getEventsAfter(id, known.at(-1)?.id ?? 0, signal))];
    },
    structuralSharing: false,
  });
}

async function getEventsAfter(id: string, seq: number, signal: AbortSignal): Promise<JobEvent[]> {
  const page = await getJson<Page<JobEvent>>(`/v1/jobs/${id}/events`, { after: seq, limit: EVENTS_PER_PAGE }, signal);
  const last = page.data.at(-1);
  return page.has_more && last ? [...page.data, ...(await getEventsAfter(id, last.id, signal))] : page.data;
}

export function metricsQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.metrics(id), "summary"],
    queryFn: async ({ signal }) => (await getJson<Page<MetricSummary>>(`/v1/jobs/${id}/metrics`, {}, signal)).data,
  });
}

export function artifactsQuery(id: string) {
  return queryOptions({
    queryKey: keys.artifacts(id),
    queryFn: async ({ signal }) => (await getJson<Page<Artifact>>(`/v1/jobs/${id}/artifacts`, {}, signal)).data,
  });
}

/** The table that drives every job; it changes with the server's version alone. */
export function statesQuery() {
  return queryOptions({
    queryKey: ["states"],
    queryFn: async ({ signal }) => (await getJson<Page<StateFacts>>("/v1/states", {}, signal)).data,
    staleTime: Infinity,
  });
}

export function askJob(id: string, verb: Verb): Promise<Job> {
  return postText<Job>(`/v1/jobs/${id}/${verb}`, "");
}

export function cancelJob(id: string): Promise<Job> {
  return askJob(id, "cancel");
}

export function validateSpec(text: string): Promise<Validation> {
  return postText<Validation>("/v1/specs/validate", text, YAML);
}

export function submitSpec(text: string, idempotencyKey: string): Promise<Job> {
  return postText<Job>("/v1/jobs", text, { ...YAML, "Idempotency-Key": idempotencyKey });
}
