/** Light, dark, or as the system has it: the choice itself, wherever it is offered. */

import { useId } from "react";

import { chooseTheme, THEMES, useTheme } from "../theme";

const TITLES = { system: "As the system has it", light: "Light", dark: "Dark" } as const;

export function ThemeChoice() {
  const chosen = useTheme();
  const name = useId(); // two of them may be on a page
  return (
    <fieldset className="choices">
      <legend className="muted">Kept in this browser.</legend>
      {THEMES.map((theme) => (
        <label key={theme} className="tick">
          <input type="radio" name={name} value={theme} checked={theme === chosen} onChange={() => chooseTheme(theme)} />
          {TITLES[theme]}
        </label>
      ))}
    </fieldset>
  );
}
