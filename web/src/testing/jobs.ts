/** Jobs as the server shows them. */

import type { Job, JobDetail } from "../api/types";

export function aJob(changes: Partial<Job> = {}): Job {
  return {
    object: "job",
    id: "job_01J00000000000000000000001",
    name: "resnet20 teaches resnet8",
    project: "default",
    state: "running",
    status_reason: null,
    status_message: null,
    labels: {},
    summary: { student: "resnet8", teachers: ["resnet20"], datasets: ["digits"] },
    priority: 0,
    created_by: "key_01J00000000000000000000001",
    parent_id: null,
    sweep_id: null,
    metrics: {},
    queued_at: "2026-01-02T03:04:05.000Z",
    updated_at: "2026-01-02T03:04:06.000Z",
    attempt: 1,
    max_restarts: 3,
    progress: 0.425,
    step: 425,
    total_steps: 1000,
    eta_s: 80,
    figures: null,
    metrics_cursor: 1,
    log_bytes: 12,
    created_at: "2026-01-02T03:04:05.000Z",
    started_at: "2026-01-02T03:04:06.000Z",
    finished_at: null,
    spec_sha256: "ab".repeat(32),
    problems: [],
    ...changes,
  };
}

export function aJobDetail(changes: Partial<JobDetail> = {}): JobDetail {
  return { ...aJob(), notes: null, spec: { version: 1, name: "x" }, resolved_spec: { version: 1, name: "x", runtime: { seed: 0 } }, ...changes };
}
