/** What the pages of sweeps ask, and what they ask of a sweep. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { getJson, postText } from "../api/client";
import { keys } from "../api/queries";
import type { components } from "../api/schema";
import type { JobState, Page, StateFacts, Verb } from "../api/types";

type Schemas = components["schemas"];

export type SweepAxis = Schemas["Axis"];
export type Sweep = Schemas["SweepView"];
export type SweepDetail = Schemas["SweepDetail"];
export type Trial = Schemas["TrialView"];
export type SweepPlan = Schemas["SweepPlanView"];

export type SweepVerb = Extract<Verb, "cancel" | "pause" | "resume" | "retry">;

const SWEEPS_A_PAGE = 50;
const JSON_BODY = { "Content-Type": "application/json" };

/** Under the key of all lists: what happens to any job may change a sweep. */
const sweepKey = (id: string) => [...keys.lists, "sweep", id] as const;

export function sweepsQuery() {
  return infiniteQueryOptions({
    queryKey: [...keys.lists, "sweeps"],
    queryFn: ({ pageParam, signal }) => getJson<Page<Sweep>>("/v1/sweeps", { limit: SWEEPS_A_PAGE, after: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: ({ has_more: hasMore, last_id: last }) => (hasMore && last ? last : undefined),
  });
}

export function sweepQuery(id: string) {
  return queryOptions({ queryKey: sweepKey(id), queryFn: ({ signal }) => getJson<SweepDetail>(`/v1/sweeps/${id}`, {}, signal) });
}

export function askSweep(id: string, verb: SweepVerb): Promise<SweepDetail> {
  return postText<SweepDetail>(`/v1/sweeps/${id}/${verb}`, "");
}

/** What would become of a sweep; the body is JSON. */
export function planQuery(body: string) {
  return queryOptions({
    queryKey: ["sweep-plan", body],
    queryFn: () => postText<SweepPlan>("/v1/sweeps?dry_run=true", body, JSON_BODY),
    gcTime: 0,
  });
}

export function submitSweep(body: string, idempotencyKey: string): Promise<SweepDetail> {
  return postText<SweepDetail>("/v1/sweeps", body, { ...JSON_BODY, "Idempotency-Key": idempotencyKey });
}

/** What may be asked of a sweep: what the state of one of its trials allows; what lagged is not retried with the others. */
export function listVerbs({ trials }: SweepDetail, facts: readonly StateFacts[]): SweepVerb[] {
  const allows = (state: JobState, verb: Verb) => verb in (facts.find((each) => each.state === state)?.verbs ?? {});
  const verbs: SweepVerb[] = ["pause", "resume", "retry", "cancel"];
  return verbs.filter((verb) => trials.some(({ state, status_reason: reason }) => allows(state, verb) && !(verb === "retry" && reason === "sweep_stopped")));
}
