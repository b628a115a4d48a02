/** The stroke of a job: its colour, and its dashes for eyes that do not tell colours apart. */

import { colorOf, dashOf } from "../job/chartOptions";
import { usePalette } from "../job/palette";

export function Swatch({ index }: { index: number }) {
  const palette = usePalette();
  return (
    <svg className="swatch" viewBox="0 0 18 4" aria-hidden="true">
      <line x1="0" x2="18" y1="2" y2="2" stroke={colorOf(palette, index)} strokeDasharray={dashOf(index).join(" ")} />
    </svg>
  );
}
