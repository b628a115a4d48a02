import { expect, test } from "vitest";

import { aJob } from "../testing/jobs";
import { placePeers } from "./peers";

const job = (id: string, size: number | null, accuracy: number) =>
  aJob({ id, figures: { "test/accuracy": accuracy, ...(size === null ? {} : { "cost/size_bytes": size }) } });

test("a job is among the best where no cheaper one is as good", () => {
  const points = placePeers([job("c", 300, 0.9), job("a", 100, 0.8), job("b", 200, 0.7), job("d", null, 1)], "cost/size_bytes");
  expect(points.map(({ job: { id }, isBest }) => [id, isBest])).toEqual([
    ["a", true],
    ["b", false],
    ["c", true],
  ]);
});
