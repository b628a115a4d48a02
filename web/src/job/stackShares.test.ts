import { expect, test } from "vitest";

import { stackShares } from "./stackShares";

const points = (...values: [number, number][]) => values.map(([step, value]) => ({ step, value, min: value, max: value, time: "" }));

test("layers lie on one another and fill the whole, whatever terms a stage has", () => {
  const { steps, layers } = stackShares([
    { key: "share/ce", points: points([1, 0.5], [2, 0.25]) },
    { key: "share/kd", points: points([1, 0.5], [2, 0.25], [3, 1]) },
    { key: "share/at", points: points([2, 0.5]) },
  ]);
  expect(steps).toEqual([1, 2, 3]);
  expect(layers.map(({ high }) => high)).toEqual([
    [0.5, 0.25, 0],
    [1, 0.5, 1],
    [1, 1, 1],
  ]);
  expect(layers.map(({ last }) => last)).toEqual([0, 1, 0]);
});
