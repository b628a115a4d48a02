/** What an event says beside its name. */

import type { JobEvent } from "../api/types";
import { formatBytes, formatNumber, formatWord } from "../format";

const MAX_WIDTH = 240;
const SAID_BY_THE_PAGE: Record<string, readonly string[]> = { submitted: ["state", "name"] };

/** What is worth a glance; the rest is for those who look closely. */
const BRIEF: readonly string[] = ["stage", "outputs", "mode", "epochs", "step", "name", "size", "reason", "message", "code", "device", "resumed_from_step"];

/** Return names and values; what the event's name says already, and what is empty, is left out. */
export function listFacts({ type, data }: JobEvent, isBrief = false): [string, string][] {
  return Object.entries(data)
    .filter(([name]) => !isBrief || BRIEF.includes(name))
    .filter(([name, value]) => value !== type && !isEmpty(value) && !SAID_BY_THE_PAGE[type]?.includes(name))
    .map(([name, value]) => [formatWord(name), shorten(name === "size" ? formatBytes(Number(value)) : show(value))]);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

function show(value: unknown): string {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return value.map(show).join(", ");
  return Object.entries(value)
    .map(([name, each]) => `${name} ${show(each)}`)
    .join(", ");
}

function shorten(text: string): string {
  return text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH)}…` : text;
}
