import { expect, test } from "vitest";

import { diffSpecs } from "./diffSpecs";

test("only the keys that differ are told, each with its pointer", () => {
  const before = { name: "a", stages: [{ epochs: 2, lr: 0.1 }], runtime: { seed: 0 } };
  const after = { name: "a", stages: [{ epochs: 3, lr: 0.1 }, { epochs: 1 }], evaluation: { stream: "test" } };
  expect(diffSpecs(before, after)).toEqual([
    { pointer: "/stages/0/epochs", kind: "changed", before: 2, after: 3 },
    { pointer: "/stages/1", kind: "added", before: undefined, after: { epochs: 1 } },
    { pointer: "/runtime", kind: "removed", before: { seed: 0 }, after: undefined },
    { pointer: "/evaluation", kind: "added", before: undefined, after: { stream: "test" } },
  ]);
});

test("equal specs do not differ, and a value that became a list changed whole", () => {
  expect(diffSpecs({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toEqual([]);
  expect(diffSpecs({ a: { 0: 1 } }, { a: [1] })).toEqual([{ pointer: "/a", kind: "changed", before: { 0: 1 }, after: [1] }]);
});

test("pointers escape what RFC 6901 escapes, and inherited names are no keys", () => {
  expect(diffSpecs({}, { "a/b~c": 1 })[0]?.pointer).toBe("/a~1b~0c");
  expect(diffSpecs({ toString: 1 }, {})).toEqual([{ pointer: "/toString", kind: "removed", before: 1, after: undefined }]);
});
