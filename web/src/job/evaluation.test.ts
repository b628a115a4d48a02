import { expect, test } from "vitest";

import { anEvaluation } from "../testing/evaluation";
import { listClassGains, listConfused, nameClass } from "./evaluation";

test("classes come by what the student lost against its teacher, those without samples not at all", () => {
  const gains = listClassGains(anEvaluation());
  expect(gains.map(({ name }) => name)).toEqual(["cat", "owl"]);
  expect(gains.map(({ value }) => value)).toEqual([-0.5, 0.25]);
});

test("without a teacher the student's own accuracy counts", () => {
  const { num_samples, student } = anEvaluation().per_class;
  const gains = listClassGains({ ...anEvaluation(), per_class: { num_samples, student } });
  expect(gains.map(({ name, value }) => [name, value])).toEqual([
    ["cat", 0.5],
    ["owl", 1],
  ]);
});

test("what is confused comes by number, of both forms of a confusion", () => {
  const counts = [
    [9, 1, 0],
    [0, 9, 0],
    [4, 2, 9],
  ];
  const wanted = [
    { row: 2, column: 0, count: 4 },
    { row: 2, column: 1, count: 2 },
    { row: 0, column: 1, count: 1 },
  ];
  expect(listConfused({ counts })).toEqual(wanted);
  expect(listConfused({ cells: [[0, 1, 1], [2, 0, 4], [2, 1, 2]], num_cells: 3 })).toEqual(wanted);
});

test("a class without a name goes by its number", () => {
  expect(nameClass({ classes: null }, 7)).toBe("7");
});
