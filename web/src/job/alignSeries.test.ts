import { expect, test } from "vitest";

import type { MetricPoint, MetricValue } from "../api/types";
import { alignSeries } from "./alignSeries";

const point = (step: number, value: MetricValue, min = value, max = value): MetricPoint => ({ step, value, min, max, time: "" });

test("series with steps of their own are brought to one column of steps", () => {
  const { steps, lines } = alignSeries([
    { key: "a", points: [point(1, 10), point(3, 30)] },
    { key: "b", points: [point(2, 20)] },
  ]);
  expect(steps).toEqual([1, 2, 3]);
  expect(lines.map(({ values }) => values)).toEqual([
    [10, null, 30],
    [null, 20, null],
  ]);
});

test("values that are not finite are counted, not drawn", () => {
  const [line] = alignSeries([{ key: "a", points: [point(1, 1), point(2, "NaN"), point(3, "Infinity")] }]).lines;
  expect(line).toMatchObject({ values: [1, null, null], count: 1, numLost: 2 });
});

test("the extremes of a bucket are kept beside its last value", () => {
  const [line] = alignSeries([{ key: "a", points: [point(32, 2, 1, 5)] }]).lines;
  expect(line).toMatchObject({ values: [2], lows: [1], highs: [5] });
});

test("series are brought to times where that is the axis", () => {
  const at = (step: number, time: string): MetricPoint => ({ ...point(step, step), time });
  const { steps, lines } = alignSeries([{ key: "a", points: [at(7, "2026-01-01T00:00:02Z"), at(9, "2026-01-01T00:00:05Z")] }], "time");
  expect(steps).toEqual([1_767_225_602, 1_767_225_605]);
  expect(lines[0]?.values).toEqual([7, 9]);
});
