/** Finds in a moment what the shape of a spec forbids; the server, asked after it, knows names and sizes as well. */

import { Validator, type OutputUnit } from "@cfworker/json-schema";

import type { SpecProblem } from "../api/types";
import type { Schema } from "../components/schema";
import { readSpec } from "./specText";

const WRAPPERS = new Set(["properties", "patternProperties", "additionalProperties", "items", "prefixItems", "$ref"]);
const UNIONS = new Set(["anyOf", "oneOf"]);
const MOST = 20;

/** Return a check of texts; it is made once, since the schema has hundreds of parts. */
export function makeCheck(schema: Schema): (text: string) => SpecProblem[] {
  const validator = new Validator(schema as ConstructorParameters<typeof Validator>[0], "2020-12", false);
  return (text) => {
    const { data, error } = readSpec(text);
    if (error) return [tellUnreadable(error.message)];
    return choose(validator.validate(data).errors).slice(0, MOST).map(tell);
  };
}

/** Return the problem of a text that is no document at all. */
export function tellUnreadable(message: string): SpecProblem {
  return aProblem("", "unreadable", message);
}

/** Keep of each union the branch that was probably meant, and of everything what went wrong first, not what wraps it. */
function choose(errors: readonly OutputUnit[]): OutputUnit[] {
  const union = errors.find(({ keyword }) => UNIONS.has(keyword));
  if (!union) return errors.filter(({ keyword }) => !WRAPPERS.has(keyword));
  const prefix = `${union.keywordLocation}/`;
  const inside = errors.filter(({ keywordLocation }) => keywordLocation.startsWith(prefix));
  const outside = errors.filter((error) => error !== union && !inside.includes(error));
  return [...choose(outside), ...chooseBranch(union, inside, prefix)];
}

function chooseBranch(union: OutputUnit, inside: readonly OutputUnit[], prefix: string): OutputUnit[] {
  const branches = groupBranches(inside, prefix);
  const meant = branches.filter((branch) => !branch.some((error) => isOther(error, union.instanceLocation)));
  const [best] = meant.map(choose).sort((a, b) => a.length - b.length);
  if (best && best.length > 0) return best;
  const types = inside.filter(({ keyword, instanceLocation }) => keyword === "type" && instanceLocation === union.instanceLocation);
  const names = inside.filter(({ keyword }) => keyword === "const").map(({ error }) => /"(.*)"/.exec(error)?.[1]);
  const allowed = types.length > 0 ? types.map(({ error }) => /Expected "(.*)"/.exec(error)?.[1]) : names;
  const words = [...new Set(allowed.filter((word): word is string => Boolean(word)))];
  return [{ ...union, keyword: "union", error: words.length > 0 ? `expected ${words.join(" or ")}` : union.error }];
}

function groupBranches(inside: readonly OutputUnit[], prefix: string): OutputUnit[][] {
  const branches = new Map<string, OutputUnit[]>();
  for (const error of inside) {
    const name = error.keywordLocation.slice(prefix.length).split("/")[0] ?? "";
    branches.set(name, [...(branches.get(name) ?? []), error]);
  }
  return [...branches.values()];
}

/** Whether an error says that another branch was meant: the value is of another type, or bears another name. */
function isOther({ keyword, instanceLocation }: OutputUnit, place: string): boolean {
  if (keyword === "type") return instanceLocation === place;
  return keyword === "const" && instanceLocation.slice(0, instanceLocation.lastIndexOf("/")) === place;
}

function tell({ keyword, instanceLocation, error }: OutputUnit): SpecProblem {
  const pointer = decodeURIComponent(instanceLocation.slice(1));
  if (keyword === "false") return aProblem(pointer, "unknown_field", `there is no field '${pointer.slice(pointer.lastIndexOf("/") + 1)}' here`);
  const missing = /required property "(.*)"/.exec(error)?.[1];
  return aProblem(pointer, keyword, missing ? `the field '${missing}' is missing` : error.replace(/^Instance type/, "the type"));
}

function aProblem(pointer: string, code: string, message: string): SpecProblem {
  return { pointer, code, message, value: null, allowed: null, nearest: [] };
}
