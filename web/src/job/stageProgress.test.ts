import { expect, test } from "vitest";

import type { JobEvent } from "../api/types";
import { aJobDetail } from "../testing/jobs";
import { readStageProgress } from "./stageProgress";

const stages = ["hint", "distil", "tune"].map((name) => ({ name, student: "s", train: "train", epochs: 2 }));
const resolved = { resolved_spec: { version: 1, stages } };
const started = (index: number): JobEvent => ({
  object: "event",
  id: index + 1,
  job_id: "job_1",
  type: "stage_started",
  data: { stage: stages[index]?.name, index, epochs: 2, steps_per_epoch: 50 },
  actor: "wrk_1",
  created_at: "2026-01-02T03:04:05.000Z",
});

test("stages before the newest are over, those after it are to come", () => {
  const found = readStageProgress(aJobDetail({ ...resolved, step: 150 }), [started(0), started(1)]);
  expect(found.map(({ state, share }) => [state, share])).toEqual([
    ["over", 1],
    ["running", 0.5],
    ["to come", 0],
  ]);
});

test("a stage that never began was left out where a later one has", () => {
  const found = readStageProgress(aJobDetail({ ...resolved, state: "succeeded", step: 200 }), [started(0), started(2)]);
  expect(found.map(({ state }) => state)).toEqual(["over", "left out", "over"]);
});
