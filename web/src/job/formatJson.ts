/** JSON for reading: what fits on a line stays on one. */

const MAX_WIDTH = 88;

export function formatJson(value: unknown, indent = ""): string {
  const flat = flatten(value);
  if (indent.length + flat.length <= MAX_WIDTH && (indent !== "" || !isNested(value))) return flat;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) return wrap("[", value.map((item) => deeper + formatJson(item, deeper)), indent, "]");
  if (typeof value !== "object" || value === null) return flat;
  const entries = Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${formatJson(item, deeper)}`);
  return wrap("{", entries, indent, "}");
}

function wrap(open: string, items: string[], indent: string, close: string): string {
  return `${open}\n${items.join(",\n")}\n${indent}${close}`;
}

function flatten(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flatten).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${flatten(item)}`);
  return entries.length === 0 ? "{}" : `{${entries.join(", ")}}`;
}

function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).some((item) => typeof item === "object");
}
