import { expect, test } from "vitest";

import { chooseAxes, choosePair } from "../compare/axes";
import { aSweep, aTrial, LR, SEED } from "../testing/sweeps";
import { listVerbs } from "./queries";
import { describeAxis, describeStop, listRungs, listTrialAxes, nameAxes, sortTrials } from "./trials";

const late = { rung: 1, step: 10, value: 0.2, place: 3, num_judged: 4, is_kept: false };
const kept = { rung: 1, step: 12, value: 0.6, place: 1, num_judged: 4, is_kept: true };
const MEASURED = aSweep({ trials: [aTrial(1, { value: 0.2 }), aTrial(2), aTrial(3, { value: 0.6 })] });
const numbers = (trials: readonly { number: number }[]) => trials.map(({ number }) => number);

test("axes are named as shortly as they can be told apart", () => {
  expect([...nameAxes([SEED, LR, "/stages/1/optimizer/lr"]).values()]).toEqual(["seed", "0/optimizer/lr", "1/optimizer/lr"]);
});

test("an axis is told in words", () => {
  const { [LR]: range, [SEED]: values } = aSweep().axes;
  expect(describeAxis(range!)).toBe("0.1 to 0.3 (by equal ratios, 3 points)");
  expect(describeAxis({ ...values!, values: [0, "kd", { a: 1 }] })).toBe('0, kd, {"a":1}');
});

test("the best comes first, and what has no value last, whichever way", () => {
  expect(numbers(sortTrials(MEASURED, ""))).toEqual([3, 1, 2]);
  expect(numbers(sortTrials({ ...MEASURED, direction: "minimize" }, ""))).toEqual([1, 3, 2]);
  expect(numbers(sortTrials({ ...MEASURED, metric: null }, ""))).toEqual([1, 2, 3]);
  expect(numbers(sortTrials(MEASURED, "value"))).toEqual([1, 3, 2]);
  expect(numbers(sortTrials(MEASURED, `-axis:${LR}`))).toEqual([3, 2, 1]);
  expect(numbers(sortTrials(aSweep({ trials: [aTrial(1), aTrial(2, { state: "failed" })] }), "state"))).toEqual([2, 1]);
});

test("a stopped trial says at which rung and which place it had", () => {
  expect(describeStop(aTrial(1, { judgements: [late] }))).toBe("rung 1, step 10: place 3 of 4");
  expect(describeStop(aTrial(1, { judgements: [kept] }))).toBe("");
});

test("rungs lie where trials were judged first", () => {
  const trials = [aTrial(1, { judgements: [kept, { ...kept, rung: 2, step: 30 }] }), aTrial(2, { judgements: [late] })];
  expect(listRungs(trials).map(({ name, step }) => [name, step])).toEqual([["rung 1", 10], ["rung 2", 30]]);
});

test("trials are drawn by the metric over what is varied", () => {
  const axes = listTrialAxes(MEASURED);
  expect(axes.map(({ id, title, isNumeric }) => [id, title, isNumeric])).toEqual([
    ["metric:val/accuracy", "val/accuracy", true],
    [`spec:${LR}`, "lr", true],
    [`spec:${SEED}`, "seed", true],
  ]);
  expect(Object.keys(axes[0]!.values)).toHaveLength(2);
  expect(choosePair(axes, "", "").map((axis) => axis?.title)).toEqual(["lr", "val/accuracy"]);
  expect(chooseAxes(axes, [axes[1]!.id, axes[0]!.id]).map(({ title }) => title)).toEqual(["lr", "val/accuracy"]);
});

test("what may be asked of a sweep is what one of its trials allows; those that lagged are not retried", () => {
  const facts = [
    { state: "running", verbs: { cancel: "cancelling", pause: "pausing" } },
    { state: "cancelled", verbs: { retry: "queued" } },
  ] as never;
  const over = (reason: "sweep_stopped" | "user_cancelled") => aSweep({ trials: [aTrial(1, { state: "cancelled", status_reason: reason })] });
  expect(listVerbs(aSweep(), facts)).toEqual(["pause", "cancel"]);
  expect(listVerbs(over("user_cancelled"), facts)).toEqual(["retry"]);
  expect(listVerbs(over("sweep_stopped"), facts)).toEqual([]);
});
