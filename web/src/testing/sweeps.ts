/** Sweeps as the server shows them. */

import type { SweepDetail, Trial } from "../sweeps/queries";

export const LR = "/stages/0/optimizer/lr";
export const SEED = "/runtime/seed";
export const SWEEP_ID = "swp_01J00000000000000000000001";

export function aTrial(number: number, changes: Partial<Trial> = {}): Trial {
  return {
    object: "trial",
    number,
    job_id: `job_01J0000000000000000000000${number}`,
    name: `rates: trial ${number}`,
    values: { [LR]: number / 10, [SEED]: 0 },
    state: "running",
    status_reason: null,
    progress: 0.5,
    value: null,
    judgements: [],
    ...changes,
  };
}

export function aSweep(changes: Partial<SweepDetail> = {}): SweepDetail {
  return {
    object: "sweep",
    id: SWEEP_ID,
    name: "rates",
    project: "default",
    search: "grid",
    seed: 0,
    axes: {
      [LR]: { values: null, low: 0.1, high: 0.3, scale: "log", is_integer: false, points: 3 },
      [SEED]: { values: [0], low: null, high: null, scale: "linear", is_integer: false, points: null },
    },
    metric: "val/accuracy",
    direction: "maximize",
    halving: { factor: 3, rungs: 2 },
    num_trials: 3,
    states: { running: 3 },
    is_over: false,
    created_by: null,
    created_at: "2026-01-02T03:04:05.000Z",
    spec: { version: 1 },
    trials: [aTrial(1), aTrial(2), aTrial(3)],
    best: null,
    ...changes,
  };
}
