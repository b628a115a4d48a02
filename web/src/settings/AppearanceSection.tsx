/** Light, dark, or as the system has it. */

import { chooseTheme, THEMES, useTheme } from "../theme";

const TITLES = { system: "As the system has it", light: "Light", dark: "Dark" } as const;

export function AppearanceSection() {
  const chosen = useTheme();
  return (
    <section className="card">
      <h2>Appearance</h2>
      <fieldset className="choices">
        <legend className="muted">Kept in this browser.</legend>
        {THEMES.map((theme) => (
          <label key={theme} className="tick">
            <input type="radio" name="theme" value={theme} checked={theme === chosen} onChange={() => chooseTheme(theme)} />
            {TITLES[theme]}
          </label>
        ))}
      </fieldset>
    </section>
  );
}
