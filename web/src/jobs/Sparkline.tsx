/** A curve as small as a word. */

import { formatNumber } from "../format";

const WIDTH = 120;
const HEIGHT = 26;
const EDGE = 2;

export function Sparkline({ values, name }: { values: readonly number[] | undefined; name: string }) {
  if (!values?.length) return <>–</>;
  const last = values.at(-1)!;
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${name}: from ${formatNumber(values[0])} to ${formatNumber(last)}`}>
      <polyline points={placePoints(values)} />
    </svg>
  );
}

/** The points of a line through the values, in the drawing's own units; one value is a flat line. */
export function placePoints(values: readonly number[]): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const shown = values.length === 1 ? [values[0]!, values[0]!] : values;
  return shown
    .map((value, index) => {
      const x = EDGE + (index / (shown.length - 1)) * (WIDTH - 2 * EDGE);
      const y = span > 0 ? HEIGHT - EDGE - ((value - low) / span) * (HEIGHT - 2 * EDGE) : HEIGHT / 2;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}
