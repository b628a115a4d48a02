import { expect, test } from "vitest";

import { locatePointer } from "./locatePointer";
import { EXAMPLE_SPEC } from "./exampleSpec";

const lineOf = (text: string, pointer: string) => text.split("\n")[locatePointer(text, pointer)]?.trim();

test.each([
  ["/version", "version: 1"],
  ["/models/student/model", "student: {model: resnet8}"],
  ["/stages/0/name", "- name: teach"],
  ["/stages/1", "- name: distil"],
  ["/stages/1/objective/kd/params/temperature", "kd: {method: kd, weight: 0.9, params: {temperature: 4}}"],
  ["/stages/1/epochs", "- name: distil"],
  ["/evaluation/metrics/2", "metrics: [accuracy, nll, agreement]"],
])("in the example, %s is found", (pointer, line) => {
  expect(lineOf(EXAMPLE_SPEC, pointer)).toBe(line);
});

test("dashes may stand right under their key", () => {
  const text = "stages:\n- name: a\n  epochs: 1\n- name: b\n  epochs: 2\nruntime:\n  seed: 3";
  expect(lineOf(text, "/stages/1/epochs")).toBe("epochs: 2");
  expect(lineOf(text, "/runtime/seed")).toBe("seed: 3");
});

test("comments and empty lines are no places", () => {
  expect(lineOf("# models:\n\nmodels: # all of them\n  # student\n  student:\n    model: x", "/models/student/model")).toBe("model: x");
});

test("indented JSON is read too", () => {
  const text = JSON.stringify({ a: [{ b: 1 }, { b: 2, c: [5, 6] }], "d/e": 3 }, null, 2);
  expect(lineOf(text, "/a/1/b")).toBe('"b": 2,');
  expect(lineOf(text, "/a/1/c/1")).toBe("6");
  expect(lineOf(text, "/d~1e")).toBe('"d/e": 3');
});

test("what cannot be found leads to the nearest place above it, at last to the first line", () => {
  expect(locatePointer("a:\n  b: 1", "/a/x/y")).toBe(0);
  expect(locatePointer("a: 1", "")).toBe(0);
});
