/** Finds a text in the lines of a log. */

import type { LogLine } from "./logText";

/** Return the places in `lines` whose text holds the words as they are, whatever their case. */
export function findLines(lines: readonly LogLine[], text: string): number[] {
  if (!text) return [];
  const wanted = text.toLowerCase();
  const found: number[] = [];
  for (let at = 0; at < lines.length; at += 1) if (lines[at]?.text.toLowerCase().includes(wanted)) found.push(at);
  return found;
}

/** Cut a line into pieces: what matches, and what lies between. */
export function cutMatches(line: string, text: string): { text: string; isMatch: boolean }[] {
  if (!text) return [{ text: line, isMatch: false }];
  const lower = line.toLowerCase();
  const wanted = text.toLowerCase();
  if (lower.length !== line.length) return [{ text: line, isMatch: false }]; // a letter that grows in lower case
  const pieces = [];
  let end = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, end)) {
    if (at > end) pieces.push({ text: line.slice(end, at), isMatch: false });
    end = at + wanted.length;
    pieces.push({ text: line.slice(at, end), isMatch: true });
  }
  return end < line.length ? [...pieces, { text: line.slice(end), isMatch: false }] : pieces;
}

/** The match after, or before, a place; round at the ends. Null where there is none. */
export function stepMatch(matches: readonly number[], current: number | null, direction: 1 | -1): number | null {
  if (matches.length === 0) return null;
  const at = current === null ? -1 : matches.indexOf(current);
  if (at < 0) return (direction === 1 ? matches[0] : matches.at(-1)) ?? null;
  return matches[(at + direction + matches.length) % matches.length] ?? null;
}
