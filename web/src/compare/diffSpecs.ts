/** Where the specs of two of several compared jobs differ. */

import { showPlain } from "./axes";
import type { Comparison } from "./queries";

export interface DiffLine {
  pointer: string;
  before: string | null;
  after: string | null;
}

/** Where two of the jobs differ; null where one's spec has no such place. */
export function diffSpecs(differs: Comparison["differs"], before: string, after: string): DiffLine[] {
  return differs
    .map(({ pointer, values }) => ({ pointer, before: write(values, before), after: write(values, after) }))
    .filter((line) => line.before !== line.after);
}

function write(values: Record<string, unknown>, id: string): string | null {
  return id in values ? showPlain(values[id]) : null;
}
