/** Running means of curves. */

import type { Column } from "../job/alignSeries";

/** The exponential mean with weight `ratio` on the past, without its start pulling it to nought; gaps stay gaps. */
export function smooth(values: Column, ratio: number): Column {
  if (ratio <= 0) return values;
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = ratio * mean + (1 - ratio) * value;
    weight = ratio * weight + (1 - ratio);
    return mean / weight;
  });
}
