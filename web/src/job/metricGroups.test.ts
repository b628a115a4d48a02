import { expect, test } from "vitest";

import { groupMetrics } from "./metricGroups";

const summaries = (...keys: string[]) => keys.map((key) => ({ key }));

test("the loss and the learning rate stand alone, the terms share a chart", () => {
  const groups = groupMetrics(summaries("train/lr", "train/kd", "val/nll", "train/ce", "val/accuracy", "train/loss"));
  expect(groups.map(({ key }) => key)).toEqual(["train/loss", "val/accuracy", "train/terms", "val/nll", "train/lr"]);
  expect(groups[2]?.metrics).toEqual(["train/ce", "train/kd"]);
});

test("what is measured once has no curve", () => {
  expect(groupMetrics(summaries("test/accuracy", "cost/params"))).toEqual([]);
});

test("only losses take a logarithmic scale", () => {
  const groups = groupMetrics(summaries("train/loss", "val/accuracy", "train/lr"));
  expect(groups.map(({ isLoss }) => isLoss)).toEqual([true, false, false]);
});
