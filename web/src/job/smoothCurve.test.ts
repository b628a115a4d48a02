import { expect, test } from "vitest";

import { smoothCurve } from "./smoothCurve";

test("a smoothed curve forgets what was, and does not lean to zero at its start", () => {
  expect(smoothCurve([4, 4, null, 4], 0.9)).toEqual([4, 4, null, 4].map((value) => value && expect.closeTo(value)));
  expect(smoothCurve([0, 1], 0.5)[1]).toBeCloseTo(2 / 3);
});

test("without smoothing a curve stays as it is", () => {
  const values = [1, null, 3];
  expect(smoothCurve(values, 0)).toBe(values);
});
