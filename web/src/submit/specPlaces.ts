/** What may stand at a place of a spec: by the schema, by the options of the component named there, by the spec's own names. */

import { findSchemas, follow, isRecord, listShapes, type Parts, type Schema, type Step } from "../components/schema";
import type { Catalog } from "../components/queries";

export interface Known {
  schema: Schema;
  catalog: Catalog;
}

export interface Suggestion {
  name: string;
  detail: string;
}

const STREAM_KEYS = new Set(["train", "validate_on", "teach_on", "stream"]);
const MODEL_KEYS = new Set(["student", "teacher"]);

/** The schema of the options of the component that `owner` names, with the parts that it refers to. */
export function findParams({ schema, catalog }: Known, owner: unknown): { schema: Schema; parts: Parts } | null {
  if (!isRecord(owner)) return null;
  const entry =
    catalog.models[String(owner["model"])] ??
    catalog.datasets[String(owner["dataset"])] ??
    catalog.methods[String(owner["method"])] ??
    catalog.recipes[String(owner["name"])];
  if (!entry) return null;
  const params = entry.params as Schema;
  return { schema: params, parts: { ...schema.$defs, ...params.$defs } };
}

/** The schemas at a path, and the parts that they refer to. */
export function findAt(known: Known, path: readonly Step[], data: unknown): { schemas: Schema[]; parts: Parts } {
  const at = path.indexOf("params");
  const owner = at > 0 ? readAt(data, path.slice(0, at)) : undefined;
  const component = findParams(known, owner);
  if (component) {
    const rest = path.slice(at + 1);
    const value = readAt(data, path.slice(0, at + 1));
    return { schemas: findSchemas(component.schema, component.parts, rest, value), parts: component.parts };
  }
  const parts = known.schema.$defs ?? {};
  return { schemas: findSchemas(known.schema, parts, path, data), parts };
}

export function readAt(data: unknown, path: readonly Step[]): unknown {
  return path.reduce<unknown>(
    (value, step) => (isRecord(value) ? value[step] : Array.isArray(value) ? (value as unknown[])[Number(step)] : undefined),
    data,
  );
}

/** The keys that may still be written into the mapping at a path. */
export function suggestKeys(known: Known, path: readonly Step[], data: unknown): Suggestion[] {
  const { schemas, parts } = findAt(known, path, data);
  const written = readAt(data, path);
  const taken = isRecord(written) ? new Set(Object.keys(written)) : new Set<string>();
  const found = new Map<string, string>();
  for (const shape of schemas.flatMap((schema) => listShapes(schema, parts))) {
    for (const [name, option] of Object.entries(shape.properties ?? {})) {
      if (!taken.has(name)) found.set(name, follow(option, parts).description ?? "");
    }
  }
  return [...found].map(([name, detail]) => ({ name, detail }));
}

/** The values that may stand at a path, where they can be listed. */
export function suggestValues(known: Known, path: readonly Step[], data: unknown): Suggestion[] {
  return suggestNames(known, path, data) ?? suggestConstants(known, path, data);
}

function suggestNames({ catalog }: Known, path: readonly Step[], data: unknown): Suggestion[] | null {
  const key = typeof path.at(-1) === "number" ? path.at(-2) : path.at(-1);
  const list = (entries: Record<string, { summary: string }>) =>
    Object.entries(entries).map(([name, { summary }]) => ({ name, detail: summary }));
  if (key === "model" && path[0] === "models") return list(catalog.models);
  if (key === "dataset") return list(catalog.datasets);
  if (key === "method") return list(catalog.methods);
  if (key === "name" && path[0] === "recipe") return list(catalog.recipes);
  if (key === "teachers" || MODEL_KEYS.has(String(key))) return listOwn(data, "models", "model");
  return STREAM_KEYS.has(String(key)) ? listOwn(data, "data", "dataset") : null;
}

/** The names that the spec itself gives to its models or streams. */
function listOwn(data: unknown, section: string, says: string): Suggestion[] {
  const entries = readAt(data, [section]);
  return Object.entries(isRecord(entries) ? entries : {}).map(([name, entry]) => ({ name, detail: String(readAt(entry, [says]) ?? "") }));
}

function suggestConstants(known: Known, path: readonly Step[], data: unknown): Suggestion[] {
  const parent = findAt(known, path.slice(0, -1), withoutLast(data, path));
  const key = path.at(-1);
  const shapes = parent.schemas.flatMap((schema) => listShapes(schema, parent.parts));
  const options = shapes.flatMap((shape) => (typeof key === "string" ? (shape.properties?.[key] ?? []) : (shape.items ?? [])));
  const found = new Map<string, string>();
  for (const option of options.flatMap((each) => listShapes(each, parent.parts))) {
    const values = option.enum ?? (option.const !== undefined ? [option.const] : option.type === "boolean" ? [true, false] : []);
    for (const value of values) found.set(String(value), "");
  }
  return [...found].map(([name, detail]) => ({ name, detail }));
}

/** The data without the value being written: what is half typed must not say which shape was meant. */
function withoutLast(data: unknown, path: readonly Step[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined || !isRecord(data)) return data;
  const { [String(step)]: inner, ...others } = data;
  return rest.length === 0 ? others : { ...others, [step]: withoutLast(inner, rest) };
}
