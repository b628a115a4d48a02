/** Light, dark, or as the system has it: kept in this browser, and said by `data-theme` on the page's root. */

import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const STORED = "stillhouse.theme"; // public/theme.js reads it before the first paint
const DARK = "(prefers-color-scheme: dark)";
const CHANGED = "stillhouse:theme";

/** What a person chose. */
export function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return THEMES.find((theme) => theme === stored) ?? "system";
  } catch {
    return "system";
  }
}

export function chooseTheme(theme: Theme): void {
  try {
    if (theme === "system") localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, theme);
  } catch {
    // no storage here: the choice holds until the page is loaded again
  }
  apply(theme);
}

/** Follow the system while nobody chose, and what is chosen in another tab. */
export function followTheme(): void {
  apply(readTheme());
  matchMedia(DARK).addEventListener("change", () => apply(readTheme()));
  addEventListener("storage", ({ key }) => key === STORED && apply(readTheme()));
}

function apply(theme: Theme): void {
  const isDark = theme === "dark" || (theme === "system" && matchMedia(DARK).matches);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  dispatchEvent(new Event(CHANGED));
}

function subscribe(onChange: () => void): () => void {
  addEventListener(CHANGED, onChange);
  return () => removeEventListener(CHANGED, onChange);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, readTheme);
}

/** Whether the page is dark now. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset["theme"] === "dark");
}
