/** A running mean that forgets: each value counts `past` times as much as the one after it. */

import type { Column } from "./alignSeries";

export function smoothCurve(values: Column, past: number): Column {
  if (past <= 0) return values;
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = past * sum + (1 - past) * value;
    weight = past * weight + (1 - past);
    return sum / weight;
  });
}
