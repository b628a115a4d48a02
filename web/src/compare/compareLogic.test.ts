import { expect, test } from "vitest";

import { chooseAxes, choosePair, listAxes, type Axis } from "./axes";
import { chooseCurves, listCurves, readIds, readSmoothing } from "./compareView";
import { turnCurves, type Comparison } from "./queries";
import { findBest } from "./ResultsTable";
import { listRound, makeScale } from "./scale";
import { diffSpecs } from "./diffSpecs";

const numbers = (id: string, ...values: number[]): Axis => ({
  id,
  title: id,
  values: Object.fromEntries(values.map((value, index) => [`job_${index}`, value])),
  isNumeric: true,
  show: String,
});

test("ids are read once each, and what is no id is left out", () => {
  expect(readIds("job_A,job_B,job_A,,<b>,job_C&x")).toEqual(["job_A", "job_B"]);
  expect(readIds(Array.from({ length: 60 }, (_, index) => `job_${index}`).join(","))).toHaveLength(50);
});

test("the smoothing of the address stays between nought and 0.99", () => {
  expect(["0.5", "7", "-1", "much"].map(readSmoothing)).toEqual([0.5, 0.99, 0, 0]);
});

test("the usual curves are drawn until others are named", () => {
  const offered = listCurves([{ key: "val/accuracy" }, { key: "train/loss" }, { key: "test/accuracy" }, { key: "train/kd" }]);
  expect(offered).not.toContain("test/accuracy");
  expect(chooseCurves(offered, [])).toEqual(["train/loss", "val/accuracy"]);
  expect(chooseCurves(offered, ["train/kd", "gone"])).toEqual(["train/kd"]);
  expect(chooseCurves(["odd"], [])).toEqual(["odd"]);
});

test("curves are turned from jobs to metrics", () => {
  const points = [{ step: 1, value: 1, min: 1, max: 1, time: "" }];
  expect(turnCurves({ data: [{ job_id: "a", series: [{ key: "x", points }] }], missing: [], max_points: 1 } as never)).toEqual({ x: { a: points } });
});

test("a scale of numbers over decades is logarithmic, its marks are round", () => {
  const scale = makeScale(numbers("a", 1, 1000), 4);
  expect(scale.place(Math.sqrt(1000))).toBeCloseTo(0.5);
  expect(scale.ticks.map(({ text }) => Number(text))).toEqual([1, 10, 100, 1000]);
  expect(scale.place("NaN")).toBeNull();
  expect(makeScale(numbers("a", 5, 5), 4).place(5)).toBeCloseTo(0.5);
  expect(makeScale({ ...numbers("a"), values: {} }, 4).ticks).toEqual([]);
});

test("marks are round and lie within", () => {
  expect(listRound(0.12, 0.98, 4)).toEqual([0.2, 0.4, 0.6, 0.8]);
  expect(listRound(-3, 12, 3)).toEqual([0, 5, 10]);
});

test("words have a place each, and a job without one has none", () => {
  const scale = makeScale({ id: "w", title: "w", values: { a: "kd", b: "ce" }, isNumeric: false, show: String }, 3);
  expect(scale.place("ce")).toBe(0.25);
  expect(scale.place("kd")).toBe(0.75);
  expect(scale.place(undefined)).toBeNull();
});

test("size against accuracy is drawn, or latency where sizes are all the same", () => {
  const accuracy = numbers("figure:test/accuracy", 0.8, 0.9);
  const latency = numbers("figure:cost/latency_ms", 1, 2);
  const ids = (axes: Axis[]) => choosePair(axes, "", "").map((axis) => axis?.id);
  expect(ids([accuracy, numbers("figure:cost/size_bytes", 1, 2), latency])).toEqual(["figure:cost/size_bytes", accuracy.id]);
  expect(ids([accuracy, numbers("figure:cost/size_bytes", 1, 1), latency])).toEqual([latency.id, accuracy.id]);
  expect(choosePair([accuracy, latency], accuracy.id, latency.id)).toEqual([accuracy, latency]);
  expect(choosePair([], "", "")).toEqual([null, null]);
});

test("parallel axes are what differs in the specs, then costs and results; names are none", () => {
  const comparison = {
    figures: [{ key: "test/accuracy", values: { a: 0.9, b: 0.8 } }],
    metrics: [{ key: "test/accuracy", values: { a: 0.9, b: 0.8 } }, { key: "train/loss", values: { a: 1 } }],
    differs: [
      { pointer: "/name", values: { a: "x", b: "y" } },
      { pointer: "/stages/0/optimizer/lr", values: { a: 0.1, b: 0.2 } },
      { pointer: "/data/train/views", values: { a: { x: 1 }, b: {} } },
    ],
  } as unknown as Comparison;
  const axes = listAxes(comparison);
  expect(axes.map(({ id }) => id)).toEqual(["figure:test/accuracy", "metric:train/loss", "spec:/stages/0/optimizer/lr", "spec:/data/train/views"]);
  expect(chooseAxes(axes, []).map(({ id }) => id)).toEqual(["spec:/stages/0/optimizer/lr", "figure:test/accuracy"]);
  expect(chooseAxes(axes, ["metric:train/loss", "gone"]).map(({ id }) => id)).toEqual(["metric:train/loss"]);
});

test("the best is the least of what is better low, and nothing where nothing is a number", () => {
  expect(findBest({ values: { a: 1, b: 2, c: "NaN" }, better: "lower" })).toBe(1);
  expect(findBest({ values: { a: 1, b: 2 }, better: "higher" })).toBe(2);
  expect(findBest({ values: { a: "NaN" }, better: "higher" })).toBeNull();
});

test("a diff of two specs leaves out where they agree, and tells what one lacks", () => {
  const differs = [
    { pointer: "/a", values: { x: 1, y: 1, z: 2 } },
    { pointer: "/b", values: { x: null, z: 1 } },
    { pointer: "/c", values: { x: "1", y: 1 } },
  ];
  expect(diffSpecs(differs, "x", "y")).toEqual([{ pointer: "/b", before: "null", after: null }]);
  expect(diffSpecs(differs, "x", "z").map(({ pointer }) => pointer)).toEqual(["/a", "/b", "/c"]);
});
