import { expect, test } from "vitest";

import { isJudged, nameMeasure, rankMeasure, showDelta, showMeasure } from "./measures";

test("values are written with their units", () => {
  expect(showMeasure("test/accuracy", 0.9683)).toBe("96.83 %");
  expect(showMeasure("cost/size_bytes", 314_000)).toBe("314.0 kB");
  expect(showMeasure("cost/latency_ms", 0.4211)).toBe("0.4211 ms");
  expect(showMeasure("train/loss", 1.25)).toBe("1.25");
  expect(showMeasure("test/accuracy", "NaN")).toBe("NaN");
  expect(showMeasure("test/accuracy", undefined)).toBe("–");
});

test("differences have a sign, those of shares in percentage points", () => {
  expect(showDelta("test/accuracy", 0.0125)).toBe("+1.25 pp");
  expect(showDelta("test/nll", -0.5)).toBe("−0.5");
  expect(showDelta("cost/size_bytes", 0)).toBe("±0 B");
});

test("a key without a name is its own name", () => {
  expect(nameMeasure("cost/latency_ms")).toBe("Latency");
  expect(nameMeasure("train/kd")).toBe("train/kd");
});

test("what a run took of its host and training losses are judged by nobody, and come last", () => {
  const keys = ["system/cpu_cores", "share/kd", "train/loss", "cost/size_bytes", "test/accuracy"];
  expect(keys.filter((key) => !isJudged(key))).toEqual(["system/cpu_cores", "share/kd", "train/loss"]);
  expect(keys.toSorted((left, right) => rankMeasure(left) - rankMeasure(right))).toEqual(keys.toReversed());
});
