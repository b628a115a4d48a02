/** Which curves share a chart. */

import type { MetricSummary } from "../api/types";

export interface MetricGroup {
  /** Key of the only curve, or the name of the group. */
  key: string;
  title: string;
  metrics: string[];
  /** Whether a logarithmic scale may help: losses fall over orders of magnitude, shares do not. */
  isLoss: boolean;
}

const OWN_CHART = new Set(["train/loss", "train/lr"]);
const MEASURED_ONCE = /^(test|cost|export)\//;
const SHARE = /(accuracy|agreement|ece|lr)$/;

/** Return the charts: the loss, its terms together, then each other metric; the learning rate last. */
export function groupMetrics(summaries: readonly Pick<MetricSummary, "key">[]): MetricGroup[] {
  const keys = summaries.map(({ key }) => key).filter((key) => !MEASURED_ONCE.test(key));
  const terms = keys.filter((key) => key.startsWith("train/") && !OWN_CHART.has(key)).sort();
  const singles = keys.filter((key) => !terms.includes(key)).map(groupOne);
  const groups = terms.length > 0 ? [...singles, groupTerms(terms)] : singles;
  return groups.sort((a, b) => rank(a) - rank(b) || a.key.localeCompare(b.key));
}

function groupOne(key: string): MetricGroup {
  return { key, title: key, metrics: [key], isLoss: !SHARE.test(key) };
}

function groupTerms(terms: string[]): MetricGroup {
  return { key: "train/terms", title: "terms of the objective", metrics: terms, isLoss: true };
}

function rank({ key }: MetricGroup): number {
  const order = ["train/loss", "val/accuracy", "train/terms"];
  if (key === "train/lr") return order.length + 1;
  return order.includes(key) ? order.indexOf(key) : order.length;
}
