/** Where in a spec the cursor stands: told by indentation and braces, so that a half-written text has places too. */

import type { Step } from "../components/schema";
import { traceLevels } from "./locatePointer";

export interface CursorPlace {
  kind: "key" | "value";
  /** Of the mapping that a key is written into, or of the value. */
  path: Step[];
  /** Offset at which the word under the cursor starts. */
  from: number;
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
