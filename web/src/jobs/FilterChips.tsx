/** The filters that are on beside states and search, each with a way to take it off. */

import { COMPONENTS, labelParam, SPANS, type JobsView } from "./jobsView";

interface Chip {
  param: string;
  words: string;
}

export function FilterChips({ view, onChange }: { view: JobsView; onChange: (changes: Record<string, string>) => void }) {
  const chips = listChips(view);
  if (chips.length === 0) return null;
  return (
    <ul className="filter-chips" aria-label="Filters that are on">
      {chips.map(({ param, words }) => (
        <li key={param}>
          <bdi>{words}</bdi>
          <button type="button" aria-label={`Take off: ${words}`} onClick={() => onChange({ [param]: "" })}>
            ×
          </button>
        </li>
      ))}
      <li className="all">
        <button type="button" className="text-button" onClick={() => onChange(Object.fromEntries(chips.map(({ param }) => [param, ""])))}>
          take off all
        </button>
      </li>
    </ul>
  );
}

function listChips({ components, labels, sweep, within, from, to }: JobsView): Chip[] {
  return [
    ...COMPONENTS.flatMap((kind) => (components[kind] ? [{ param: kind, words: `${kind}: ${components[kind]}` }] : [])),
    ...Object.entries(labels).map(([key, value]) => ({ param: labelParam(key), words: `${key} = ${value}` })),
    ...(sweep ? [{ param: "sweep", words: `sweep: ${sweep}` }] : []),
    ...(within ? [{ param: "within", words: SPANS[within]!.title }] : []),
    ...(from ? [{ param: "from", words: `from ${from}` }] : []),
    ...(to ? [{ param: "to", words: `to ${to}` }] : []),
  ];
}
