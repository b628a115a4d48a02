/** How far each stage of a job is. */

import type { JobDetail, JobEvent } from "../api/types";
import { readSpec, type SpecStage } from "./resolvedSpec";

export interface StageProgress {
  stage: SpecStage;
  state: "over" | "running" | "to come" | "left out";
  /** From 0 to 1. */
  share: number;
  /** Steps of the whole stage; null before it has begun. */
  steps: number | null;
  startedAt: string | null;
}

/** Return the stages in order; a stage is over when a later one has begun, or the job has succeeded. */
export function readStageProgress(job: JobDetail, events: readonly JobEvent[]): StageProgress[] {
  const begun = new Map<number, { steps: number; time: string }>();
  for (const { type, data, created_at } of events) {
    if (type !== "stage_started") continue;
    begun.set(Number(data.index), { steps: Number(data.epochs) * Number(data.steps_per_epoch), time: created_at });
  }
  const newest = Math.max(-1, ...begun.keys());
  const isDone = job.state === "succeeded";
  let first = 0;
  return readSpec(job).stages.map((stage, index) => {
    const found = begun.get(index);
    const start = first;
    first += found?.steps ?? 0;
    const common = { stage, steps: found?.steps ?? null, startedAt: found?.time ?? null };
    if (!found) return { ...common, state: index < newest || isDone ? "left out" : "to come", share: 0 };
    if (index < newest || isDone) return { ...common, state: "over", share: 1 };
    const share = found.steps > 0 ? ((job.step ?? 0) - start) / found.steps : 0;
    return { ...common, state: "running", share: Math.min(1, Math.max(0, share)) };
  });
}
