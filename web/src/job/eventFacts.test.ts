import { expect, test } from "vitest";

import type { JobEvent } from "../api/types";
import { listFacts } from "./eventFacts";

const event = (type: string, data: Record<string, unknown>): JobEvent => ({
  object: "event",
  id: 1,
  job_id: "job_1",
  type,
  data,
  actor: "user",
  created_at: "2026-01-02T03:04:05.000Z",
});

test("what the name of an event says is not said again, and nothing empty is shown", () => {
  const facts = listFacts(event("running", { state: "running", reason: null, attempt: 2, stages: ["a", "b"] }));
  expect(facts).toEqual([
    ["attempt", "2"],
    ["stages", "a, b"],
  ]);
});

test("nested values and sizes are written out for people", () => {
  expect(listFacts(event("evaluated", { values: { "test/accuracy": 0.91234 } }))).toEqual([["values", "test/accuracy 0.9123"]]);
  expect(listFacts(event("checkpoint", { size: 1_239_488 }))).toEqual([["size", "1.24 MB"]]);
});
