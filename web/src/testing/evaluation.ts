/** An evaluation for the tests: three classes, one of them without samples. */

import type { Evaluation } from "../job/evaluation";

const BIN = { n: 0, confidence: null, accuracy: null };

export function anEvaluation(changes: Partial<Evaluation> = {}): Evaluation {
  const calibration = [...Array.from({ length: 14 }, () => BIN), { n: 8, confidence: 0.95, accuracy: 0.75 }];
  return {
    stream: "test",
    num_samples: 8,
    num_classes: 3,
    classes: ["cat", "dog", "owl"],
    student: { name: "small", accuracy: 0.75, ece: 0.2, calibration, confusion: { counts: [[2, 2, 0], [0, 0, 0], [0, 0, 4]] } },
    teacher: { name: "large", accuracy: 0.875, ece: 0.1, calibration, confusion: { counts: [[4, 0, 0], [0, 0, 0], [0, 1, 3]] } },
    agreement: {
      ratio: 0.625,
      both_right: 5,
      only_teacher: 2,
      only_student: 1,
      both_wrong: 0,
      confusion: { counts: [[2, 2, 0], [0, 0, 1], [0, 0, 3]] },
    },
    per_class: { num_samples: [4, 0, 4], student: [0.5, null, 1], teacher: [1, null, 0.75] },
    ...changes,
  };
}
