/** Trials as the page shows them: how their settings are called, in which order they stand, how they can be drawn. */

import { isNumber, showPlain, type Axis } from "../compare/axes";
import { formatNumber } from "../format";
import { nameMeasure, showMeasure } from "../measures";
import type { StageMark } from "../job/stageMarks";
import type { SweepAxis, SweepDetail, Trial } from "./queries";

/** A short name for each pointer: as many of its last steps as tell it from the others. */
export function nameAxes(pointers: readonly string[]): Map<string, string> {
  const ends = (pointer: string, count: number) => pointer.split("/").slice(1).slice(-count).join("/");
  return new Map(
    pointers.map((pointer) => {
      const others = pointers.filter((other) => other !== pointer);
      const length = pointer.split("/").length - 1;
      let count = 1;
      while (count < length && others.some((other) => ends(other, count) === ends(pointer, count))) count++;
      return [pointer, ends(pointer, count)];
    }),
  );
}

/** What may stand at an axis, in words. */
export function describeAxis({ values, low, high, scale, is_integer: isInteger, points }: SweepAxis): string {
  if (values) return values.map(showPlain).join(", ");
  const how = [isInteger && "whole numbers", scale === "log" && "by equal ratios", points && `${points} points`].filter(Boolean).join(", ");
  return `${showPlain(low)} to ${showPlain(high)}${how && ` (${how})`}`;
}

/** Where a trial was stopped, and why; empty for one that was not. */
export function describeStop({ judgements }: Trial): string {
  const late = judgements.find(({ is_kept: isKept }) => !isKept);
  return late ? `rung ${late.rung}, step ${formatNumber(late.step)}: place ${late.place} of ${late.num_judged}` : "";
}

/** Trials in an order such as `-value`, `number` or `axis:/runtime/seed`; what has no value there comes last. Empty: the best first. */
export function sortTrials({ trials, metric, direction }: SweepDetail, sort: string): Trial[] {
  const usual = metric === null ? "number" : direction === "maximize" ? "-value" : "value";
  const [, sign, key] = /^(-?)(.*)$/.exec(sort || usual)!;
  const read = (trial: Trial): unknown => {
    if (key === "value" || key === "number" || key === "state") return trial[key];
    return trial.values[key!.slice("axis:".length)];
  };
  return [...trials].sort((a, b) => compare(read(a), read(b), sign === "-" ? -1 : 1) || a.number - b.number);
}

function compare(a: unknown, b: unknown, sign: number): number {
  const [hasA, hasB] = [a ?? null, b ?? null].map((value) => value !== null);
  if (!hasA || !hasB) return Number(hasB) - Number(hasA);
  if (isNumber(a) && isNumber(b)) return sign * (a - b);
  return sign * showPlain(a).localeCompare(showPlain(b));
}

/** What trials can be drawn by: the metric, then what is varied. */
export function listTrialAxes({ trials, axes, metric }: SweepDetail): Axis[] {
  const column = (read: (trial: Trial) => unknown) => Object.fromEntries(trials.flatMap((trial) => ((read(trial) ?? null) === null ? [] : [[trial.job_id, read(trial)]])));
  const varied = [...nameAxes(Object.keys(axes))].map(([pointer, title]): Axis => {
    const values = column((trial) => trial.values[pointer]);
    return { id: `spec:${pointer}`, title, values, isNumeric: Object.values(values).every(isNumber), show: showPlain };
  });
  if (metric === null) return varied;
  const show = (value: unknown) => showMeasure(metric, isNumber(value) ? value : null);
  return [{ id: `metric:${metric}`, title: nameMeasure(metric), values: column(({ value }) => value), isNumeric: true, show }, ...varied];
}

/** Where the rungs lie, as far as trials have been judged there. */
export function listRungs(trials: readonly Trial[]): StageMark[] {
  const steps = new Map<number, number>();
  for (const { rung, step } of trials.flatMap(({ judgements }) => judgements)) steps.set(rung, Math.min(step, steps.get(rung) ?? Infinity));
  return [...steps].sort(([a], [b]) => a - b).map(([rung, step]) => ({ name: `rung ${rung}`, step, time: 0 }));
}
