/** What the page of a new job asks beside the check of a spec. */

import { queryOptions } from "@tanstack/react-query";

import { postText } from "../api/client";
import type { components } from "../api/schema";
import type { Job } from "../api/types";

export type DryRun = components["schemas"]["DryRunView"];

const YAML = { "Content-Type": "application/yaml" };
const JSON_BODY = { "Content-Type": "application/json" };

/** What would become of a text, were it submitted now; the queue moves, so an answer is soon old. */
export function dryRunQuery(text: string) {
  return queryOptions({
    queryKey: ["dry-run", text],
    queryFn: () => postText<DryRun>("/v1/jobs?dry_run=true", text, YAML),
    gcTime: 0,
  });
}

/** Submit a spec as data, with labels to find it by. */
export function submitData(spec: object, labels: Record<string, string>, idempotencyKey: string): Promise<Job> {
  return postText<Job>("/v1/jobs", JSON.stringify({ spec, labels }), { ...JSON_BODY, "Idempotency-Key": idempotencyKey });
}
