import { expect, test } from "vitest";

import { makeControl } from "./makeControl";

const RESOLVED = {
  version: 1,
  name: "x",
  models: { teacher: { model: "resnet20" }, student: { model: "resnet8" } },
  data: { train: { dataset: "digits" } },
  recipe: { name: "fitnet", params: {} },
  stages: [
    { name: "teach", student: "teacher", teachers: [], epochs: 20, objective: { ce: { method: "ce" } } },
    { name: "hint", student: "student", teachers: ["teacher"], epochs: 3, objective: { fitnet: { method: "fitnet" } } },
    { name: "distil", student: "student", teachers: ["teacher"], epochs: 10, batch_size: 32, cache: null, sections: {}, objective: { kd: { method: "kd" } } },
  ],
  runtime: { seed: 7 },
  evaluation: { stream: "test", metrics: ["accuracy", "agreement"] },
};

test("the control is the same student with the same budget, data and seed, without the teacher", () => {
  expect(makeControl(RESOLVED, "x (control)")).toEqual({
    version: 1,
    name: "x (control)",
    models: { student: { model: "resnet8" } },
    data: RESOLVED.data,
    stages: [{ name: "train", student: "student", epochs: 13, batch_size: 32, objective: { ce: { method: "ce" } } }],
    runtime: { seed: 7 },
    evaluation: { stream: "test", metrics: ["accuracy"] },
  });
});

test("what has no teacher has no control", () => {
  expect(makeControl({ ...RESOLVED, stages: RESOLVED.stages.slice(0, 1) }, "x")).toBeNull();
});
