import { expect, test } from "vitest";

import { CATALOG, SCHEMA } from "../testing/components";
import { listPlaces, NEW_AXIS, NEW_SWEEP, showNow, writeSweep, type AxisDraft, type SweepDraft } from "./sweepDraft";

const SPEC = { version: 1, name: "x", recipe: { name: "kd", params: { epochs: 10, list: [1, 2] } }, stages: [{ name: "a", optimizer: { optimizer: "sgd", lr: 0.1 } }] };
const LR = "/stages/0/optimizer/lr";
const RANGE: AxisDraft = { ...NEW_AXIS, pointer: LR, kind: "range", low: "1e-3", high: "0.3", isLog: true };

function write(changes: Partial<SweepDraft>, spec: Record<string, unknown> | null = SPEC) {
  const { body, missing } = writeSweep({ ...NEW_SWEEP, ...changes }, spec);
  return body === null ? missing : (JSON.parse(body) as Record<string, unknown>);
}

test("a grid takes values and points of ranges", () => {
  expect(write({ axes: [NEW_SWEEP.axes[0]!, RANGE] })).toEqual({
    spec: SPEC,
    axes: { "/runtime/seed": { values: [0, 1, 2] }, [LR]: { low: 0.001, high: 0.3, scale: "log", points: 3 } },
    search: "grid",
    metric: "val/accuracy",
  });
});

test("a search by chance says how many, by which seed, and who goes on", () => {
  const order = write({ axes: [{ ...RANGE, isInteger: true, low: "1", high: "8" }], search: "random", trials: "12", seed: "4", direction: "minimize", isHalving: true });
  expect(order).toMatchObject({
    axes: { [LR]: { low: 1, high: 8, scale: "log", is_integer: true } },
    search: "random",
    trials: 12,
    seed: 4,
    direction: "minimize",
    halving: { factor: 3, rungs: 2 },
  });
});

test.each([
  [{ axes: [] }, "Add an axis"],
  [{ axes: [NEW_AXIS] }, "which place of the spec axis 1 is"],
  [{ axes: [{ ...NEW_AXIS, pointer: LR }] }, "write its values"],
  [{ axes: [{ ...NEW_AXIS, pointer: LR, values: "[1" }] }, "cannot be read"],
  [{ axes: [RANGE, RANGE] }, "an axis twice"],
  [{ axes: [{ ...RANGE, high: "" }] }, "two numbers"],
  [{ axes: [{ ...RANGE, high: "0" }] }, "less than the second"],
  [{ axes: [{ ...RANGE, low: "0" }] }, "above 0"],
  [{ axes: [{ ...RANGE, points: "" }] }, "how many"],
  [{ metric: " ", isHalving: true }, "name one"],
])("what is missing is said: %o", (changes, told) => {
  expect(write(changes)).toContain(told);
});

test("a spec that cannot be read is waited for", () => {
  expect(write({}, null)).toContain("cannot be read");
});

test("places are what is written, with what stands there, and what may be written beside it", () => {
  const places = new Map(listPlaces(SPEC, { catalog: CATALOG, schema: SCHEMA }).map(({ name, detail }) => [name, detail]));
  expect(places.get(LR)).toBe("now 0.1");
  expect(places.get("/recipe/params/list")).toBe("now [1,2]");
  expect(places.get("/stages/0/optimizer/momentum")).toBe("");
  expect(places.get("/recipe/params/temperature")).toBe("Divides the logits.");
  expect(places.get("/runtime/device")).toBe("Where it runs.");
  expect(places.has("/data")).toBe(false);
  expect(listPlaces(SPEC, null).length).toBeGreaterThan(3);
});

test("what stands at a place now is told", () => {
  expect(showNow(SPEC, LR)).toBe("now 0.1");
  expect(showNow(SPEC, "/stages")).toBe("");
  expect(showNow(null, LR)).toBe("");
});
