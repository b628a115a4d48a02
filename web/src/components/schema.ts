/** Reads JSON Schema as the server writes it: references, unions told apart by a constant, options by name. */

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  auto?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
}

export type Parts = Record<string, Schema>;
export type Step = string | number;

/** Follow the reference of a schema; what is said beside it, as a description, stays. */
export function follow(schema: Schema, parts: Parts): Schema {
  if (!schema.$ref) return schema;
  const { $ref, ...beside } = schema;
  return follow({ ...parts[$ref.slice("#/$defs/".length)], ...beside }, parts);
}

/** The shapes that a value may have: unions flattened, null left out. */
export function listShapes(schema: Schema, parts: Parts): Schema[] {
  const here = follow(schema, parts);
  const union = here.anyOf ?? here.oneOf;
  if (!union) return here.type === "null" ? [] : [here];
  return union.flatMap((each) => listShapes(each, parts));
}

/** The shapes that fit what is written at a place: those whose constants it does not contradict. */
export function fitShapes(schema: Schema, parts: Parts, value: unknown): Schema[] {
  const shapes = listShapes(schema, parts);
  if (!isRecord(value)) return shapes;
  const fitting = shapes.filter((shape) =>
    Object.entries(shape.properties ?? {}).every(([name, option]) => option.const === undefined || !(name in value) || value[name] === option.const),
  );
  return fitting.length > 0 ? fitting : shapes;
}

/** The schemas of a place inside a value; several where a union leaves it open. */
export function findSchemas(schema: Schema, parts: Parts, path: readonly Step[], value: unknown): Schema[] {
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  const inner = isRecord(value) ? value[step] : Array.isArray(value) ? (value as unknown[])[Number(step)] : undefined;
  return fitShapes(schema, parts, value)
    .map((shape) => stepInto(shape, step))
    .flatMap((child) => (child ? findSchemas(child, parts, rest, inner) : []));
}

function stepInto(shape: Schema, step: Step): Schema | undefined {
  if (typeof step === "number") return shape.items;
  const named = shape.properties?.[step] ?? Object.values(shape.patternProperties ?? {})[0];
  return named ?? (typeof shape.additionalProperties === "object" ? shape.additionalProperties : undefined);
}

/** What a value must be, in words: "integer from 1 to 64", "sgd, adam or adamw". */
export function describeShape(schema: Schema, parts: Parts): string {
  const words = [...new Set(listShapes(schema, parts).map((shape) => describeOne(shape, parts)))];
  return [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" or ");
}

function describeOne(shape: Schema, parts: Parts): string {
  if (shape.const !== undefined) return String(shape.const);
  if (shape.enum) return shape.enum.map(String).join(", ");
  if (shape.type === "array") return `list of ${shape.items ? describeShape(shape.items, parts) : "values"}`;
  if (shape.properties && shape.title) return shape.title;
  if (shape.type === "object") return "options";
  const bounds = describeBounds(shape);
  const type = shape.type === "string" ? "text" : shape.type === "boolean" ? "true or false" : (shape.type ?? "anything");
  return bounds ? `${type} ${bounds}` : type;
}

function describeBounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  const low = minimum !== undefined ? `from ${minimum}` : exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : "";
  const high = maximum !== undefined ? `to ${maximum}` : exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : "";
  return [low, high].filter(Boolean).join(" ");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A default as people write it; empty where there is none or where it is null. */
export function formatDefault(schema: Schema): string {
  if (schema.auto) return `auto: ${schema.auto}`;
  if (schema.default === undefined || schema.default === null) return "";
  if (isRecord(schema.default)) return Object.entries(schema.default).map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ").replaceAll('"', "");
  return typeof schema.default === "string" ? schema.default : JSON.stringify(schema.default);
}
