import { expect, test } from "vitest";

import { SCHEMA } from "../testing/components";
import { makeCheck } from "./checkLocally";

const check = makeCheck(SCHEMA);

test("a spec of the right shape has no problem", () => {
  expect(check("version: 1\nname: x\nstages: [{name: a, optimizer: {optimizer: sgd, lr: 0.1}}]")).toEqual([]);
});

test.each([
  ["version: 1\nname: x\nmodels: {s: {model: m, bogus: 1}}", "/models/s/bogus", "there is no field 'bogus' here"],
  ["version: 1", "", "the field 'name' is missing"],
  ["version: 1\nname: x\nstages: [{optimizer: {optimizer: sgd, lr: fast}}]", "/stages/0/optimizer/lr", 'the type "string" is invalid. Expected "number".'],
  ["version: 1\nname: x\nstages: [{epochs: -1}]", "/stages/0/epochs", "-1 is less than 1."],
  ["version: 1\nname: x\nstages: [{epochs: many}]", "/stages/0/epochs", "expected integer or null"],
  ["version: 1\nname: x\nstages: [{optimizer: {optimizer: sdg}}]", "/stages/0/optimizer", "expected sgd or adam"],
])("%j is told once, at its place", (text, pointer, message) => {
  expect(check(text).map((problem) => [problem.pointer, problem.message])).toEqual([[pointer, message]]);
});

test("a text that is no YAML is one problem", () => {
  expect(check("a: [")).toHaveLength(1);
});
