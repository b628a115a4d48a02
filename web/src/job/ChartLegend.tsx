/** Names, strokes and values of the lines of a chart. */

import type { Ref } from "react";

import type { Line } from "./alignSeries";
import { colorOf, dashOf } from "./chartOptions";
import { usePalette } from "./palette";

interface Props {
  ref: Ref<HTMLUListElement>;
  lines: readonly Line[];
  isAlone: boolean;
}

export function ChartLegend({ ref, lines, isAlone }: Props) {
  const palette = usePalette();
  return (
    <ul className="legend" ref={ref}>
      {lines.map(({ key, numLost }, index) => (
        <li key={key}>
          <svg viewBox="0 0 18 4" aria-hidden="true">
            <line x1="0" x2="18" y1="2" y2="2" stroke={colorOf(palette, index)} strokeDasharray={dashOf(index).join(" ")} />
          </svg>
          {!isAlone && <span>{key.slice(key.indexOf("/") + 1)}</span>}
          <output />
          {numLost > 0 && (
            <span className="bad" title="NaN or infinite: they cannot be drawn">
              {numLost} not finite
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
