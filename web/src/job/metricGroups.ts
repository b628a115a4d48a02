/** Which curves share a chart. */

import type { MetricSummary } from "../api/types";
import { formatBytes, formatNumber } from "../format";

export interface MetricGroup {
  /** Key of the only curve, or the name of the group. */
  key: string;
  title: string;
  metrics: string[];
  /** Whether a logarithmic scale may help: losses fall over orders of magnitude, shares do not. */
  isLoss: boolean;
  /** Says what a value is. */
  show: (value: number) => string;
}

type Summary = Pick<MetricSummary, "key">;

const OWN_CHART = new Set(["train/loss", "train/lr"]);
const MEASURED_ONCE = /^(test|cost|export)\//;
const DRAWN_ELSEWHERE = /^(share|system)\//;
const PACE = "system/samples_per_s";
const SHARE = /(accuracy|agreement|ece|lr)$/;
const ORDER = ["train/loss", "val/accuracy", "train/terms", "val/agreement"];
const LATE = [PACE, "weights", "train/lr"];

/** Return the charts: the loss, its terms together, then each other metric; pace, weights and learning rate last. */
export function groupMetrics(summaries: readonly Summary[]): MetricGroup[] {
  const keys = summaries.map(({ key }) => key).filter((key) => !MEASURED_ONCE.test(key));
  const drawn = keys.filter((key) => !DRAWN_ELSEWHERE.test(key) || key === PACE);
  const terms = drawn.filter((key) => key.startsWith("train/") && !OWN_CHART.has(key)).sort();
  const weights = drawn.filter((key) => key.startsWith("weight/")).sort();
  const groups = drawn.filter((key) => !terms.includes(key) && !weights.includes(key)).map(groupOne);
  if (terms.length > 0) groups.push(groupSeveral("train/terms", "terms of the objective", terms));
  if (weights.length > 0) groups.push({ ...groupSeveral("weights", "weights of the terms", weights), isLoss: false });
  return groups.sort((a, b) => rank(a) - rank(b) || a.key.localeCompare(b.key));
}

/** Return the charts of what the engine takes of its host. */
export function groupSystem(summaries: readonly Summary[]): MetricGroup[] {
  const keys = summaries.map(({ key }) => key).filter((key) => key.startsWith("system/"));
  return SYSTEM.map(({ title, pattern, show }) => {
    const metrics = keys.filter((key) => pattern.test(key)).sort(new Intl.Collator("en", { numeric: true }).compare);
    return { key: metrics.length === 1 ? (metrics[0] ?? title) : title, title, metrics, isLoss: false, show };
  }).filter(({ metrics }) => metrics.length > 0);
}

/** A share as an axis says it: as short as it is exact. */
export function showShare(value: number): string {
  return `${Number((value * 100).toFixed(2))} %`;
}

const SYSTEM: readonly { title: string; pattern: RegExp; show: (value: number) => string }[] = [
  { title: "GPUs, share of time busy", pattern: /gpu\d+_busy_ratio$/, show: showShare },
  { title: "GPU memory", pattern: /gpu\d+_memory_bytes$/, show: formatBytes },
  { title: "processors kept busy", pattern: /\/cpu_cores$/, show: formatNumber },
  { title: "memory of the processes", pattern: /\/memory_bytes$/, show: formatBytes },
  { title: "disk, bytes a second", pattern: /\/(read|written)_bytes_per_s$/, show: formatBytes },
  { title: "samples a second", pattern: /\/samples_per_s$/, show: formatNumber },
  { title: "share of time waiting for data", pattern: /\/data_wait_ratio$/, show: showShare },
];

/** Keep the charts in whose title or metrics each word of the filter is found. */
export function filterGroups(groups: readonly MetricGroup[], filter: string): MetricGroup[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return groups.filter(({ title, metrics }) => {
    const text = `${title} ${metrics.join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function groupOne(key: string): MetricGroup {
  return { key, title: key === PACE ? "samples a second" : key, metrics: [key], isLoss: !SHARE.test(key) && key !== PACE, show: formatNumber };
}

function groupSeveral(key: string, title: string, metrics: string[]): MetricGroup {
  return { key, title, metrics, isLoss: true, show: formatNumber };
}

function rank({ key }: MetricGroup): number {
  if (LATE.includes(key)) return ORDER.length + 1 + LATE.indexOf(key);
  return ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length;
}
