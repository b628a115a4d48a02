/** Which jobs are listed: by state and by a word of the name. */

import { useEffect, useState } from "react";

import type { JobState } from "../api/types";
import { Icon } from "../ui/Icon";

const OFFERED: readonly (JobState | null)[] = [null, "queued", "running", "succeeded", "failed", "cancelled"];
const TYPING_PAUSE_MS = 250;

interface Props {
  state: JobState | null;
  text: string;
  onState: (state: JobState | null) => void;
  onText: (text: string) => void;
}

export function JobFilters({ state, text, onState, onText }: Props) {
  return (
    <div className="filters">
      <div className="segments" role="group" aria-label="State">
        {OFFERED.map((each) => (
          <button type="button" key={each ?? "all"} aria-pressed={each === state} onClick={() => onState(each)}>
            {each ?? "all"}
          </button>
        ))}
      </div>
      <SearchField text={text} onText={onText} />
    </div>
  );
}

function SearchField({ text, onText }: Pick<Props, "text" | "onText">) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onText(typed), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, text, onText]);
  return (
    <label className="search">
      <Icon name="search" />
      <span className="visually-hidden">Search by name</span>
      <input type="search" value={typed} placeholder="Search by name" onChange={(event) => setTyped(event.target.value)} />
    </label>
  );
}
