import { expect, test } from "vitest";

import type { JobEvent } from "../api/types";
import { readResumes, readStages } from "./stageMarks";

const started = (id: number, index: number, stage: string): JobEvent => ({
  object: "event",
  id,
  job_id: "job_1",
  type: "stage_started",
  data: { stage, index, epochs: 4, steps_per_epoch: 23 },
  actor: "wrk_1",
  created_at: "2026-01-02T03:04:05.000Z",
});

test("a stage begins where those before it end", () => {
  expect(readStages([started(1, 0, "teach"), started(2, 1, "distil")])).toEqual([
    { name: "teach", step: 0, time: 1767323045 },
    { name: "distil", step: 92, time: 1767323045 },
  ]);
});

test("a stage that another attempt began again counts once", () => {
  const stages = readStages([started(1, 0, "teach"), started(2, 1, "distil"), started(3, 1, "distil")]);
  expect(stages.map(({ name }) => name)).toEqual(["teach", "distil"]);
});

test("attempts after the first are marked where they went on, once they have started", () => {
  const attempt = (number: number, start_step: number, started_at: string | null) => ({ number, start_step, started_at });
  const time = "2026-01-02T03:04:05.000Z";
  expect(readResumes([attempt(1, 0, time), attempt(2, 40, time), attempt(3, 60, null)])).toEqual([
    { name: "attempt 2", step: 40, time: 1767323045 },
  ]);
});
