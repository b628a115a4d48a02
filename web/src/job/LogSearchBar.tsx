/** The search of a log: how often a text is found, and the way from one place to the next. */

import type { KeyboardEvent } from "react";

import { Icon } from "../ui/Icon";

interface Props {
  text: string;
  count: number;
  /** Number of the match that is shown, from 1; 0 before the first. */
  at: number;
  /** What is not loaded and so not searched, in words. */
  unread: string | null;
  isReading: boolean;
  onChange: (text: string) => void;
  onStep: (direction: 1 | -1) => void;
  onReadMore: () => void;
}

export function LogSearchBar({ text, count, at, unread, isReading, onChange, onStep, onReadMore }: Props) {
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onStep(event.shiftKey ? -1 : 1);
  };
  return (
    <div className="log-search" role="search">
      <label className="search">
        <Icon name="search" />
        <span className="visually-hidden">Search the log</span>
        <input type="search" placeholder="Search the log" value={text} onChange={(event) => onChange(event.target.value)} onKeyDown={press} />
      </label>
      {text && (
        <>
          <output className="muted" data-testid="log-matches" aria-live="polite">
            {count === 0 ? "not found" : at > 0 ? `${at} of ${count}` : `${count} found`}
          </output>
          <button type="button" className="button" disabled={count === 0} aria-label="Previous match" onClick={() => onStep(-1)}>
            ↑
          </button>
          <button type="button" className="button" disabled={count === 0} aria-label="Next match" onClick={() => onStep(1)}>
            ↓
          </button>
        </>
      )}
      {unread && (
        <button type="button" className="button" disabled={isReading} onClick={onReadMore}>
          {isReading ? "Reading…" : text ? `Search further back (${unread})` : `Load earlier (${unread})`}
        </button>
      )}
    </div>
  );
}
