import { expect, test } from "vitest";

import { formatJson } from "./formatJson";

test("what fits on a line stays on one, what nests is broken", () => {
  const text = formatJson({ version: 1, models: { student: { model: "resnet8" } }, data: [] });
  expect(text).toBe('{\n  "version": 1,\n  "models": {"student": {"model": "resnet8"}},\n  "data": []\n}');
});

test("the text reads back as the same value", () => {
  const value = { a: [1, "x\n", null, { b: ["long ".repeat(10), "longer ".repeat(12)] }], "c/d": { e: {}, f: true } };
  expect(JSON.parse(formatJson(value))).toEqual(value);
});
