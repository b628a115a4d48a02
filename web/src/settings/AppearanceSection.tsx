/** How the page looks. */

import { ThemeChoice } from "../ui/ThemeChoice";

export function AppearanceSection() {
  return (
    <section className="card">
      <h2>Appearance</h2>
      <ThemeChoice />
    </section>
  );
}
