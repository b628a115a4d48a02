/** The spec as a text that a person writes: read as data, changed at one place while comments and order stay. */

import { Document, isAlias, isMap, isScalar, parseDocument, visit } from "yaml";

import { isRecord, type Step } from "../components/schema";

const READING = { merge: true, prettyErrors: true, keepSourceTokens: false } as const;
const WRITING = { lineWidth: 0, flowCollectionPadding: false } as const;
const MAX_ALIASES = 100;
const MOST_ON_A_LINE = 6;

export interface ReadSpec {
  /** What the text says; null where it is no mapping. */
  data: Record<string, unknown> | null;
  /** Why it cannot be read, and where (offsets). */
  error: { message: string; from: number; to: number } | null;
}

export function readSpec(text: string): ReadSpec {
  const document = parseDocument(text, READING);
  const [first] = document.errors;
  if (first) return { data: null, error: { message: first.message.split("\n")[0] ?? first.message, from: first.pos[0], to: first.pos[1] } };
  try {
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { data: isRecord(data) ? data : null, error: isRecord(data) ? null : { message: "a spec is a mapping of names to values", from: 0, to: text.length } };
  } catch (error) {
    return { data: null, error: { message: error instanceof Error ? error.message : String(error), from: 0, to: text.length } };
  }
}

/** Write data as people would: a few plain values stand on one line. */
export function writeSpec(data: unknown): string {
  const document = new Document(data, { keepUndefined: false });
  visit(document, {
    Map: (key, node) => {
      if (key !== null && node.items.length > 0 && node.items.length <= MOST_ON_A_LINE && node.items.every(({ value }) => isScalar(value))) node.flow = true;
    },
    Seq: (_, node) => {
      if (node.items.length > 0 && node.items.every(isScalar)) node.flow = true;
    },
  });
  return document.toString(WRITING);
}

/** Return the text with `value` at `path`; undefined removes what is there, and what is left empty by that. */
export function changeSpec(text: string, path: readonly Step[], value: unknown): string {
  const document = parseDocument(text, READING);
  if (document.errors.length > 0) return text;
  try {
    if (passesAlias(document, path)) throw new Error("a part that several places share is written out");
    if (value === undefined) removeAt(document, path);
    else setAt(document, path, value);
    return document.toString(WRITING);
  } catch {
    const data = document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown; // what is shared is written out where it is changed
    return writeSpec(changeData(isRecord(data) ? data : {}, path, value));
  }
}

function passesAlias(document: Document, path: readonly Step[]): boolean {
  return path.some((_, index) => isAlias(document.getIn(path.slice(0, index + 1), true)));
}

function setAt(document: Document, path: readonly Step[], value: unknown): void {
  for (let depth = 1; depth < path.length; depth++) {
    const place = path.slice(0, depth);
    if (document.getIn(place) == null) document.setIn(place, document.createNode({}));
  }
  document.setIn(path, typeof value === "object" ? document.createNode(value, { flow: isFlat(value) }) : value);
}

function isFlat(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each !== "object" || each === null);
}

function removeAt(document: Document, path: readonly Step[]): void {
  document.deleteIn(path);
  const parent = path.slice(0, -1);
  const rest = parent.length > 1 ? document.getIn(parent) : null;
  if (isMap(rest) && rest.items.length === 0) removeAt(document, parent);
}

function changeData(data: Record<string, unknown>, path: readonly Step[], value: unknown): Record<string, unknown> {
  const [step, ...rest] = path;
  if (step === undefined) return data;
  const { [step]: old, ...others } = data;
  if (rest.length === 0) return value === undefined ? others : { ...data, [step]: value };
  return { ...data, [step]: changeData(isRecord(old) ? old : {}, rest, value) };
}

/** Return the offsets of what stands at a pointer: the value, or its key where the value is large or missing. */
export function findRange(text: string, pointer: string): { from: number; to: number } | null {
  const document = parseDocument(text, READING);
  const path = splitPointer(pointer);
  for (let depth = path.length; depth > 0; depth--) {
    const range = rangeAt(document, path.slice(0, depth));
    if (range) return range;
  }
  return null;
}

function rangeAt(document: Document, path: readonly Step[]): { from: number; to: number } | null {
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const last = path.at(-1);
  const pair = isMap(parent) ? parent.items.find(({ key }) => String((key as { value?: unknown }).value ?? key) === String(last)) : undefined;
  const node = (pair?.value ?? document.getIn(path, true)) as { range?: [number, number, number] | null; items?: unknown } | null | undefined;
  const key = pair?.key as { range?: [number, number, number] } | undefined;
  const range = node && !node.items && node.range && node.range[1] > node.range[0] ? node.range : (key?.range ?? node?.range);
  return range ? { from: range[0], to: range[1] } : null;
}

export function splitPointer(pointer: string): Step[] {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

export function joinPointer(path: readonly Step[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
