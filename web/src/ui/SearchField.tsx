/** A field that narrows what a page shows; what is typed goes into the address. */

import { Icon } from "./Icon";

export function SearchField({ label, text, onText }: { label: string; text: string; onText: (text: string) => void }) {
  return (
    <label className="search">
      <Icon name="search" />
      <span className="visually-hidden">{label}</span>
      <input type="search" value={text} maxLength={255} placeholder={label} onChange={(event) => onText(event.target.value)} />
    </label>
  );
}
