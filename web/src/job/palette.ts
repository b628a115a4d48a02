/** The colours that charts draw with, taken from the style sheet; they change with the theme. */

import { useIsDark } from "../theme";

export interface Palette {
  text: string;
  grid: string;
  series: string[];
}

const NUM_SERIES = 7;

/** The palette of the theme that is on. */
export function usePalette(): Palette {
  const name = useIsDark() ? "dark" : "light";
  return (palettes[name] ??= readPalette());
}

const palettes: Partial<Record<"dark" | "light", Palette>> = {};

function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--muted"),
    grid: read("--chart-grid"),
    series: Array.from({ length: NUM_SERIES }, (_, index) => read(`--series-${index + 1}`)),
  };
}
