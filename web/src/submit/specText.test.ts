import { expect, test } from "vitest";

import { changeSpec, findRange, readSpec, splitPointer, writeSpec } from "./specText";

const TEXT = `version: 1
# whom we teach
models:
  student: {model: resnet8} # small
data:
  train: &train {dataset: digits}
  few: {<<: *train, num_samples: 200}
`;

test("a change at one place keeps comments, order and style of all others", () => {
  expect(changeSpec(TEXT, ["models", "student", "model"], "resnet20")).toBe(TEXT.replace("resnet8", "resnet20"));
});

test("what is not there yet is made on the way", () => {
  const changed = changeSpec(TEXT, ["recipe", "params", "epochs"], 3);
  expect(readSpec(changed).data?.["recipe"]).toEqual({ params: { epochs: 3 } });
  expect(changed).toContain("# whom we teach");
});

test("what is removed takes what it leaves empty with it", () => {
  const changed = changeSpec(TEXT, ["recipe", "params", "epochs"], 3);
  expect(readSpec(changeSpec(changed, ["recipe", "params", "epochs"], undefined)).data).toEqual({ ...readSpec(TEXT).data, recipe: {} });
});

test("a value below a shared part is changed where it was asked for, and nowhere else", () => {
  const aliased = "a: &x {deep: {k: 1}}\nb: *x\n";
  const data = readSpec(changeSpec(aliased, ["b", "deep", "k"], 2)).data;
  expect(data).toEqual({ a: { deep: { k: 1 } }, b: { deep: { k: 2 } } });
});

test("a text that cannot be read is left alone and says why", () => {
  const broken = "models: {student: [";
  expect(changeSpec(broken, ["name"], "x")).toBe(broken);
  expect(readSpec(broken).data).toBeNull();
  expect(readSpec(broken).error?.message).toBeTruthy();
});

test.each([
  ["/models/student/model", "resnet8"],
  ["/models/student/nothing", "student"],
  ["/data/few/num_samples", "200"],
])("the range of %s is %s", (pointer, words) => {
  const range = findRange(TEXT, pointer)!;
  expect(TEXT.slice(range.from, range.to)).toBe(words);
});

test("pointers are split with their escapes", () => {
  expect(splitPointer("/a~1b/0/c~0d")).toEqual(["a/b", 0, "c~d"]);
});

test("data is written with a few plain values on one line", () => {
  const data = { version: 1, models: { student: { model: "resnet8" } }, stages: [{ name: "a", terms: { ce: {} } }], metrics: ["nll", "ece"] };
  expect(writeSpec(data)).toBe("version: 1\nmodels:\n  student: {model: resnet8}\nstages:\n  - name: a\n    terms:\n      ce: {}\nmetrics: [nll, ece]\n");
  expect(readSpec(writeSpec(data)).data).toEqual(data);
});
