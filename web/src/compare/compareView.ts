/** What the comparison shows, as the address says it. */

import type { Measure } from "./queries";

export const MOST_JOBS = 50;
const MOST_CURVES = 4;
const USUAL = ["train/loss", "val/accuracy", "val/loss", "val/nll"];
const MEASURED_ONCE = /^(test|cost|export)\//;

/** The jobs that an address names, each once. */
export function readIds(text: string): string[] {
  return [...new Set(text.split(",").filter((id) => /^job_[0-9A-Za-z]+$/.test(id)))].slice(0, MOST_JOBS);
}

/** The metrics that have curves: those measured along the way. */
export function listCurves(metrics: readonly Pick<Measure, "key">[]): string[] {
  return metrics.map(({ key }) => key).filter((key) => !MEASURED_ONCE.test(key));
}

/** The curves that are drawn: those named, else the usual ones, else the first there are. */
export function chooseCurves(offered: readonly string[], named: readonly string[]): string[] {
  if (named.length > 0) return named.filter((key) => offered.includes(key));
  const usual = USUAL.filter((key) => offered.includes(key));
  return (usual.length > 0 ? usual : offered).slice(0, MOST_CURVES);
}

/** A list of the address; its parts hold no spaces. */
export function readList(text: string): string[] {
  return [...new Set(text.split(" ").filter(Boolean))];
}

/** The share of the past in a smoothed curve, from 0 to 0.99. */
export function readSmoothing(text: string): number {
  const ratio = Number(text);
  return Number.isFinite(ratio) ? Math.min(0.99, Math.max(0, ratio)) : 0;
}
