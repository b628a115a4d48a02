/** What the states of a job mean for the page. */

import type { Job, JobState } from "./api/types";

export const JOB_STATES: readonly JobState[] = [
  "queued",
  "starting",
  "running",
  "pausing",
  "paused",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
];

const FINAL: ReadonlySet<JobState> = new Set(["succeeded", "failed", "cancelled"]);
const CANCELLABLE: ReadonlySet<JobState> = new Set(["queued", "starting", "running", "pausing", "paused"]);

/** Whether nothing more will happen to a job in this state. */
export function isFinal(state: JobState): boolean {
  return FINAL.has(state);
}

export function isCancellable(state: JobState): boolean {
  return CANCELLABLE.has(state);
}

/** Seconds from start to end, or to `now` where the job has not ended; null where it has not started. */
export function measureDuration(job: Job, now: number): number | null {
  if (!job.started_at) return null;
  return ((job.finished_at ? Date.parse(job.finished_at) : now) - Date.parse(job.started_at)) / 1000;
}
