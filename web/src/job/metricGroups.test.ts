import { expect, test } from "vitest";

import { filterGroups, groupMetrics, groupSystem, showShare } from "./metricGroups";

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

test("pace, weights and learning rate come last; shares and the host have views of their own", () => {
  const groups = groupMetrics(summaries("train/lr", "weight/kd", "system/samples_per_s", "system/memory_bytes", "share/kd", "train/loss"));
  expect(groups.map(({ key }) => key)).toEqual(["train/loss", "system/samples_per_s", "weights", "train/lr"]);
});

test("the GPUs of a host share a chart, in the order of their numbers", () => {
  const [busy, memory] = groupSystem(summaries("system/gpu10_busy_ratio", "system/gpu2_busy_ratio", "system/memory_bytes", "val/nll"));
  expect(busy?.metrics).toEqual(["system/gpu2_busy_ratio", "system/gpu10_busy_ratio"]);
  expect(memory?.metrics).toEqual(["system/memory_bytes"]);
});

test("a filter keeps the charts that have all its words", () => {
  const groups = groupMetrics(summaries("val/accuracy", "val/nll", "train/kd", "train/ce"));
  expect(filterGroups(groups, "VAL acc").map(({ key }) => key)).toEqual(["val/accuracy"]);
  expect(filterGroups(groups, "kd").map(({ key }) => key)).toEqual(["train/terms"]);
  expect(filterGroups(groups, " ")).toHaveLength(groups.length);
});

test("a share is as short as it is exact", () => {
  expect([showShare(1), showShare(0.755), showShare(0.12345)]).toEqual(["100 %", "75.5 %", "12.35 %"]);
});
