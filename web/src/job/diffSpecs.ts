/** What differs between two specs, key by key, each with its JSON pointer. */

export interface Difference {
  pointer: string;
  kind: "changed" | "added" | "removed";
  before: unknown;
  after: unknown;
}

/** Return the smallest parts that differ, in the order of the first; lists are compared place by place. */
export function diffSpecs(before: unknown, after: unknown, pointer = ""): Difference[] {
  if (before === undefined) return [{ pointer, kind: "added", before, after }];
  if (after === undefined) return [{ pointer, kind: "removed", before, after }];
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ pointer, kind: "changed", before, after }];
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => diffSpecs(read(before, name), read(after, name), `${pointer}/${escapePointer(name)}`));
}

type Branch = Record<string, unknown> | unknown[];

function isBranch(value: unknown): value is Branch {
  return typeof value === "object" && value !== null;
}

function read(branch: Branch, name: string): unknown {
  return Object.hasOwn(branch, name) ? (branch as Record<string, unknown>)[name] : undefined;
}

/** As RFC 6901 has it. */
function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
