/** The colours that charts draw with, taken from the style sheet; they change with the system's theme. */

import { useSyncExternalStore } from "react";

export interface Palette {
  text: string;
  grid: string;
  series: string[];
}

const DARK = "(prefers-color-scheme: dark)";
const NUM_SERIES = 7;

/** The palette of the theme that is on. */
export function usePalette(): Palette {
  const isDark = useSyncExternalStore(subscribe, () => matchMedia(DARK).matches);
  const name = isDark ? "dark" : "light";
  return (palettes[name] ??= readPalette());
}

const palettes: Partial<Record<"dark" | "light", Palette>> = {};

function subscribe(onChange: () => void): () => void {
  const query = matchMedia(DARK);
  query.addEventListener("change", onChange);
  return () => query.removeEventListener("change", onChange);
}

function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--muted"),
    grid: read("--chart-grid"),
    series: Array.from({ length: NUM_SERIES }, (_, index) => read(`--series-${index + 1}`)),
  };
}
