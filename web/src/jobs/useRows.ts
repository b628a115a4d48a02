/** Which rows of a long table are drawn: those in the frame, and a few around them. */

import { observeElementRect, useVirtualizer, type Rect, type Virtualizer } from "@tanstack/react-virtual";
import type { RefObject } from "react";

export const ROW_HEIGHT = 58;
const AROUND = 12;
const FIRST_GUESS: Rect = { width: 1200, height: 800 };

export type Rows = Virtualizer<HTMLDivElement, Element>;

export function useRows(count: number, frame: RefObject<HTMLDivElement | null>): Rows {
  return useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: AROUND,
    initialRect: FIRST_GUESS,
    observeElementRect: observeLaidOut,
    scrollPaddingStart: ROW_HEIGHT,
  });
}

/** A frame that is not laid out yet has no height, and says nothing of how many rows fit: the first guess stands. */
function observeLaidOut(rows: Rows, tell: (rect: Rect) => void): ReturnType<typeof observeElementRect> {
  return observeElementRect(rows, (rect) => {
    if (rect.height > 0) tell(rect);
  });
}
