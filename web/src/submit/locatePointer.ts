/** From a JSON pointer to the line of a text that a person wrote, in block YAML or in indented JSON. */

/** Return the line (from 0) of the deepest step of `pointer` that stands on a line of its own. */
export function locatePointer(text: string, pointer: string): number {
  const lines = mapLines(text);
  for (let place = pointer; place !== ""; place = place.slice(0, place.lastIndexOf("/"))) {
    const line = lines.get(place);
    if (line !== undefined) return line;
  }
  return 0;
}

const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s"'{[:][^:]*?))\s*:(?:\s|$)/;
const CLOSING = /^[\]}]+,?$/;
const BELOW_KEYS = 0.5; // a dash may stand right under its key, and still lies deeper

interface Level {
  column: number;
  step: string | number;
}

/** Return the line of each place, told apart by indentation alone: both formats nest by it. */
function mapLines(text: string): Map<string, number> {
  const places = new Map<string, number>();
  const levels: Level[] = [];
  text.split("\n").forEach((raw, line) => {
    for (const { column, key } of readSteps(raw, levels.length === 0)) {
      enter(levels, column, key);
      const pointer = levels.map(({ step }) => `/${step}`).join("");
      if (!places.has(pointer)) places.set(pointer, line);
    }
  });
  return places;
}

/** Return the place that a line which is still being written stands at, below the lines before it, and what of it is no dash. */
export function traceLevels(before: string, line: string): { path: (string | number)[]; rest: string } {
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
  const match = KEY.exec(words);
  const key = match?.[1] ?? match?.[2] ?? match?.[3];
  if (key !== undefined) steps.push({ column, key: key.replaceAll("~", "~0").replaceAll("/", "~1") });
  else if (steps.length === 0 && words !== "" && !CLOSING.test(words) && !isFirst) {
    steps.push({ column: column + BELOW_KEYS, key: null });
  }
  return steps;
}
