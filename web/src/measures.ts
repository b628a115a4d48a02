/** Figures and metrics by their keys: what people call them, how they are written, which way they are better. */

import type { MetricValue } from "./api/types";
import { formatBytes, formatNumber, formatPercent } from "./format";

const TITLES: Record<string, string> = {
  "test/accuracy": "Test accuracy",
  "test/agreement": "Agreement",
  "test/nll": "Test NLL",
  "test/ece": "Calibration error",
  "cost/params": "Parameters",
  "cost/size_bytes": "Size",
  "cost/flops": "FLOPs",
  "cost/latency_ms": "Latency",
  "cost/latency_p90_ms": "Latency p90",
  "cost/throughput_per_s": "Samples/s",
};

const SHARE = /(^|\/)(accuracy|agreement|ece)$/;

/** What a figure or metric is called; one without a name of its own is called by its key. */
export function nameMeasure(key: string): string {
  return TITLES[key] ?? key;
}

const SECTIONS = ["test/", "cost/", "export/", "val/", "train/"];

/** Where a measure stands among others: first what a student was trained for, last what its run took of the host. */
export function rankMeasure(key: string): number {
  const place = SECTIONS.findIndex((section) => key.startsWith(section));
  return key.startsWith("system/") ? SECTIONS.length + 1 : place < 0 ? SECTIONS.length : place;
}

/** Whether more or less of it is better: what a run took of its host is neither, and losses of different objectives are not alike. */
export function isJudged(key: string): boolean {
  return !/^(system|train|share)\//.test(key);
}

/** A value with its unit. */
export function showMeasure(key: string, value: MetricValue | undefined): string {
  if (typeof value !== "number") return formatNumber(value);
  if (SHARE.test(key)) return formatPercent(value);
  if (key.endsWith("_bytes")) return formatBytes(value);
  return key.endsWith("_ms") ? `${formatNumber(value)} ms` : formatNumber(value);
}

/** A difference with its sign; of shares in percentage points. */
export function showDelta(key: string, delta: number): string {
  const sign = delta > 0 ? "+" : delta < 0 ? "−" : "±";
  const size = Math.abs(delta);
  if (SHARE.test(key)) return `${sign}${(size * 100).toFixed(2)} pp`;
  return `${sign}${showMeasure(key, size)}`;
}
