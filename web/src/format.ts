/** Numbers, sizes, times and durations as people read them. */

import type { MetricValue } from "./api/types";

const NONE = "–";
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Four significant digits; thousands and millions in short. */
export function formatNumber(value: MetricValue | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "string") return value === "NaN" ? "NaN" : value.replace("Infinity", "∞");
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3) return value.toExponential(2).replace("e-", "e−");
  if (Number.isInteger(value) && size < 1e5) return String(value);
  if (size >= 1e4) return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 }).format(value);
  return String(Number(value.toPrecision(4)));
}

export function formatPercent(ratio: MetricValue | undefined): string {
  return typeof ratio === "number" ? `${(ratio * 100).toFixed(2)} %` : formatNumber(ratio);
}

/** Decimal units, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  const scaled = bytes / 1000 ** power;
  return `${power === 0 ? bytes : scaled.toFixed(scaled < 10 ? 2 : 1)} ${units[power]}`;
}

/** The two largest units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 1 h. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return join(whole, MINUTE, "min", 1, "s");
  if (whole < DAY) return join(whole, HOUR, "h", MINUTE, "min");
  return join(whole, DAY, "d", HOUR, "h");
}

function join(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeUnit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

/** How long ago, for a person who glances at it. */
export function formatAge(time: string, now: number): string {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  if (seconds < 7 * DAY) return `${Math.floor(seconds / DAY)} d ago`;
  return formatDay(time);
}

export function formatDay(time: string): string {
  return new Date(time).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

export function formatTime(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function formatClock(time: string): string {
  return new Date(time).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** snake_case to words. */
export function formatWord(word: string): string {
  return word.replaceAll("_", " ");
}
