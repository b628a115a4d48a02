/** Finished jobs of a data set as points: what a student costs against how good it is. */

import type { Job } from "../api/types";

export const PRICES = {
  "cost/size_bytes": "size",
  "cost/params": "parameters",
  "cost/latency_ms": "latency",
  "cost/flops": "FLOPs",
} as const;

export type Price = keyof typeof PRICES;

export interface PeerPoint {
  job: Job;
  price: number;
  accuracy: number;
  /** Whether no other job is both cheaper or equal, and better. */
  isBest: boolean;
}

/** Return the jobs whose price and accuracy were measured, the cheapest first. */
export function placePeers(jobs: readonly Job[], price: Price): PeerPoint[] {
  const points = jobs.flatMap((job) => {
    const cost = job.figures?.[price];
    const accuracy = job.figures?.["test/accuracy"];
    return typeof cost === "number" && cost > 0 && typeof accuracy === "number" ? [{ job, price: cost, accuracy }] : [];
  });
  points.sort((a, b) => a.price - b.price || b.accuracy - a.accuracy);
  let best = -Infinity;
  return points.map((point) => {
    const isBest = point.accuracy > best;
    best = Math.max(best, point.accuracy);
    return { ...point, isBest };
  });
}
