/** Where in a spec the cursor stands: told by indentation and braces, so that a half-written text has places too. */

import type { Step } from "../components/schema";

export interface CursorPlace {
  kind: "key" | "value";
  /** Of the mapping that a key is written into, or of the value. */
  path: Step[];
  /** Offset at which the word under the cursor starts. */
  from: number;
}

const LINE_KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s"'{[:][^:]*?))\s*:(?:\s|$)/;
const CLOSING = /^[\]}]+,?$/;
const BELOW_KEYS = 0.5; // a dash may stand right under its key, and still lies deeper

interface Level {
  column: number;
  step: Step;
}

const WORD = /[\w.:-]*$/;
const KEY = /^([\w-]+):(?:\s+|$)/;

export function findCursorPlace(text: string, cursor: number): CursorPlace | null {
  const before = text.slice(0, cursor);
  const start = before.lastIndexOf("\n") + 1;
  const line = before.slice(start);
  if (/(^|\s)#/.test(line)) return null;
  const { path, rest } = traceLevels(text.slice(0, start), line);
  const from = cursor - (WORD.exec(line)?.[0].length ?? 0);
  const key = KEY.exec(rest);
  if (!key?.[1]) return { kind: "key", path, from };
  return followFlow([...path, key[1]], rest.slice(key[0].length), from);
}

/** Walk through `{a: b, c: [d` to its end. */
function followFlow(path: Step[], written: string, from: number): CursorPlace {
  const place: Step[] = [...path];
  const depths: ("{" | "[")[] = [];
  let word = "";
  let isValue = true;
  for (const sign of written) {
    if (sign === "{") {
      depths.push(sign);
      isValue = false;
      word = "";
    } else if (sign === "[") {
      depths.push(sign);
      place.push(0);
      isValue = true;
      word = "";
    } else if (sign === ":" && depths.at(-1) === "{" && !isValue) {
      place.push(word.trim());
      isValue = true;
      word = "";
    } else if (sign === ",") {
      const last = place.at(-1);
      if (depths.at(-1) === "[") place[place.length - 1] = Number(last) + 1;
      else if (depths.at(-1) === "{" && isValue) place.pop();
      isValue = depths.at(-1) === "[";
      word = "";
    } else if (sign === "}" || sign === "]") {
      if (depths.pop() === "[" || isValue) place.pop();
      isValue = true;
      word = "";
    } else word += sign;
  }
  return { kind: isValue ? "value" : "key", path: place, from };
}

/** Return the place that a line which is still being written stands at, below the lines before it, and what of it is no dash. */
function traceLevels(before: string, line: string): { path: Step[]; rest: string } {
  const levels: Level[] = [];
  for (const raw of before.split("\n")) {
    for (const { column, key } of readSteps(raw, levels.length === 0)) enter(levels, column, key);
  }
  let column = line.length - line.trimStart().length;
  let rest = line.trimStart();
  while (/^-(\s|$)/.test(rest)) {
    enter(levels, column + BELOW_KEYS, null);
    const inner = rest.slice(1).trimStart();
    column += rest.length - inner.length;
    rest = inner;
  }
  while ((levels.at(-1)?.column ?? -1) >= column) levels.pop();
  return { path: levels.map(({ step }) => step), rest };
}

/** Close the levels that lie deeper than `column`, and step to a key, or to the next item where there is none. */
function enter(levels: Level[], column: number, key: string | null): void {
  while ((levels.at(-1)?.column ?? -1) > column) levels.pop();
  const before = levels.at(-1)?.column === column ? levels.pop() : undefined;
  levels.push({ column, step: key ?? (typeof before?.step === "number" ? before.step + 1 : 0) });
}

/** Return the steps that one line takes: dashes, then a key; or an item of a JSON list. */
function readSteps(raw: string, isFirst: boolean): { column: number; key: string | null }[] {
  const steps: { column: number; key: string | null }[] = [];
  let column = raw.length - raw.trimStart().length;
  let words = raw.replace(/(^|\s)#.*$/, "").trim();
  while (/^-(\s|$)/.test(words)) {
    steps.push({ column: column + BELOW_KEYS, key: null });
    const rest = words.slice(1).trimStart();
    column += words.length - rest.length;
    words = rest;
  }
  const match = LINE_KEY.exec(words);
  const key = match?.[1] ?? match?.[2] ?? match?.[3];
  if (key !== undefined) steps.push({ column, key: key.replaceAll("~", "~0").replaceAll("/", "~1") });
  else if (steps.length === 0 && words !== "" && !CLOSING.test(words) && !isFirst) {
    steps.push({ column: column + BELOW_KEYS, key: null });
  }
  return steps;
}
