import { expect, test } from "vitest";

import { describeShape, findSchemas, fitShapes, formatDefault, type Schema } from "./schema";

const PARTS: Record<string, Schema> = {
  A: { title: "A", properties: { kind: { const: "a" }, x: { type: "integer", minimum: 1 } } },
  B: { title: "B", properties: { kind: { const: "b" }, y: { type: "number", exclusiveMinimum: 0, maximum: 1 } } },
};
const UNION: Schema = { anyOf: [{ oneOf: [{ $ref: "#/$defs/A" }, { $ref: "#/$defs/B" }] }, { type: "null" }] };

test("a union is told apart by its constant", () => {
  expect(fitShapes(UNION, PARTS, { kind: "b" }).map(({ title }) => title)).toEqual(["B"]);
  expect(fitShapes(UNION, PARTS, {}).map(({ title }) => title)).toEqual(["A", "B"]);
});

test("a place inside a union is found in the shape that is written", () => {
  expect(findSchemas(UNION, PARTS, ["y"], { kind: "b" })).toEqual([PARTS["B"]!.properties!["y"]]);
  expect(findSchemas(UNION, PARTS, ["y"], { kind: "a" })).toEqual([]);
});

test.each([
  [UNION, "A or B"],
  [PARTS["A"]!.properties!["x"]!, "integer from 1"],
  [PARTS["B"]!.properties!["y"]!, "number above 0 to 1"],
  [{ enum: ["x", "y"] }, "x, y"],
  [{ type: "array", items: { type: "string" } }, "list of text"],
  [{ anyOf: [{ type: "boolean" }, { type: "integer" }, { type: "string" }] }, "true or false, integer or text"],
])("%j is told as %s", (schema, words) => {
  expect(describeShape(schema as Schema, PARTS)).toBe(words);
});

test.each([
  [{ default: 0.5 }, "0.5"],
  [{ default: null }, ""],
  [{ default: "auto", auto: "stages.pre" }, "auto: stages.pre"],
  [{ default: { optimizer: "sgd", lr: 0.1 } }, "optimizer sgd, lr 0.1"],
])("the default of %j is written %s", (schema, words) => {
  expect(formatDefault(schema as Schema)).toBe(words);
});
