/** The keyboard in the table: arrows go from row to row, the space bar chooses, Shift extends, Escape lets go. */

import { useCallback, useEffect, useRef, type KeyboardEvent, type RefObject } from "react";

import type { Job } from "../api/types";
import type { Selection } from "./selection";
import type { Rows } from "./useRows";

const PAGE = 10;
const MOVES: Readonly<Record<string, (index: number, count: number) => number>> = {
  ArrowDown: (index) => index + 1,
  ArrowUp: (index) => index - 1,
  PageDown: (index) => index + PAGE,
  PageUp: (index) => index - PAGE,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** What is chosen, and what may be done about it. */
export interface RowActs {
  selection: Selection;
  onChoose: (id: string, isRange: boolean) => void;
  onChooseAll: () => void;
  onClear: () => void;
}

export function useRowKeys(jobs: readonly Job[], rows: Rows, frame: RefObject<HTMLDivElement | null>, acts: RowActs) {
  const wanted = useRef<number | null>(null);
  useEffect(() => {
    const row = wanted.current === null ? null : frame.current?.querySelector(`tr[data-index="${wanted.current}"] .row-link`);
    if (!(row instanceof HTMLElement)) return;
    row.focus({ preventScroll: true });
    wanted.current = null;
  });

  return useCallback(
    (event: KeyboardEvent<HTMLTableElement>) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("tr[data-index]") : null;
      if (!row || event.altKey) return;
      const index = Number(row.dataset.index);
      const isLink = event.target instanceof HTMLAnchorElement;
      if (event.key === "Escape") acts.onClear();
      else if (event.key === "a" && (event.ctrlKey || event.metaKey)) acts.onChooseAll();
      else if (event.key === " " && isLink) acts.onChoose(jobs[index]!.id, event.shiftKey);
      else if (MOVES[event.key] && !event.ctrlKey && !event.metaKey) {
        const next = Math.min(jobs.length - 1, Math.max(0, MOVES[event.key]!(index, jobs.length)));
        if (event.shiftKey && next !== index) {
          if (!acts.selection.ids.has(jobs[index]!.id)) acts.onChoose(jobs[index]!.id, false);
          acts.onChoose(jobs[next]!.id, true);
        }
        wanted.current = next;
        rows.scrollToIndex(next);
        focusNow(frame.current, wanted);
      } else return;
      event.preventDefault();
    },
    [jobs, rows, frame, acts],
  );
}

/** A row that is drawn already takes the focus at once; another one once it is. */
function focusNow(frame: HTMLElement | null, wanted: { current: number | null }): void {
  const row = frame?.querySelector<HTMLElement>(`tr[data-index="${wanted.current}"] .row-link`);
  if (!row) return;
  row.focus({ preventScroll: true });
  wanted.current = null;
}
