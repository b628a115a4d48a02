import { expect, test } from "vitest";

import { cutMatches, findLines, stepMatch } from "./logSearch";

const lines = ["Epoch 1", "loss nan", "epoch 2 EPOCH"].map((text, number) => ({ number, text }));

test("lines are found whatever their case; nothing is found of nothing", () => {
  expect(findLines(lines, "epoch")).toEqual([0, 2]);
  expect(findLines(lines, "")).toEqual([]);
});

test("a line is cut where it matches, and is whole again when joined", () => {
  const pieces = cutMatches("epoch 2 EPOCH", "epoch");
  expect(pieces.filter(({ isMatch }) => isMatch).map(({ text }) => text)).toEqual(["epoch", "EPOCH"]);
  expect(pieces.map(({ text }) => text).join("")).toBe("epoch 2 EPOCH");
  expect(cutMatches("İİ epoch", "epoch").map(({ text }) => text).join("")).toBe("İİ epoch");
});

test("the search goes round at both ends", () => {
  expect(stepMatch([3, 8], null, 1)).toBe(3);
  expect(stepMatch([3, 8], null, -1)).toBe(8);
  expect(stepMatch([3, 8], 8, 1)).toBe(3);
  expect(stepMatch([3, 8], 3, -1)).toBe(8);
  expect(stepMatch([], 3, 1)).toBeNull();
});
