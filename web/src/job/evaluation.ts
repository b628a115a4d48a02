/** `evaluation.json`, which the engine leaves: student and teacher beside the labels, class by class. */

/** Counts of pairs: all of them, or of many classes the largest beside the diagonal. */
export type Confusion = { counts: number[][] } | { cells: [number, number, number][]; num_cells: number };

export interface Bin {
  n: number;
  confidence: number | null;
  accuracy: number | null;
}

export interface Answerer {
  name: string;
  accuracy: number;
  ece: number;
  calibration: Bin[];
  confusion: Confusion;
}

export interface Agreement {
  ratio: number;
  both_right: number;
  only_teacher: number;
  only_student: number;
  both_wrong: number;
  confusion: Confusion;
}

export interface Evaluation {
  stream: string;
  num_samples: number;
  num_classes: number;
  classes: string[] | null;
  student: Answerer;
  teacher: Answerer | null;
  agreement: Agreement | null;
  per_class: { num_samples: number[]; student: (number | null)[]; teacher?: (number | null)[] };
}

export interface ClassGain {
  name: string;
  count: number;
  student: number | null;
  teacher: number | null;
  /** Student less teacher; without a teacher the student's own accuracy. */
  value: number;
}

/** What a class is called: its name in the data set, else its number. */
export function nameClass({ classes }: Pick<Evaluation, "classes">, number: number): string {
  return classes?.[number] ?? String(number);
}

/** Return each class that has samples, the largest loss against the teacher first. */
export function listClassGains(evaluation: Evaluation): ClassGain[] {
  const { num_samples: counts, student, teacher } = evaluation.per_class;
  return counts
    .map((count, number) => {
      const mine = student[number] ?? null;
      const theirs = teacher?.[number] ?? null;
      return { name: nameClass(evaluation, number), count, student: mine, teacher: theirs, value: (mine ?? 0) - (theirs ?? 0) };
    })
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.value - b.value);
}

export interface Cell {
  row: number;
  column: number;
  count: number;
}

/** Return the cells beside the diagonal, the largest first: what is taken for what. */
export function listConfused(confusion: Confusion): Cell[] {
  const cells =
    "cells" in confusion
      ? confusion.cells.map(([row, column, count]) => ({ row, column, count }))
      : confusion.counts.flatMap((counts, row) => counts.map((count, column) => ({ row, column, count })));
  return cells.filter(({ row, column, count }) => row !== column && count > 0).sort((a, b) => b.count - a.count);
}
