/** A log of any length: only the lines in view are in the page. Follows the end until a person scrolls away. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef } from "react";

import { LogLine } from "./LogLine";
import { readRest, type LogText } from "./logText";

const LINE_PX = 20;
const OVERSCAN = 30;
const NEAR_PX = 40;

interface Props {
  log: LogText;
  label: string;
  search: string;
  /** Place of the line that the search stands at. */
  current: number | null;
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
}

export function LogScroller({ log, label, search, current, isFollowing, onFollow }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const rest = readRest(log);
  const count = log.lines.length + (rest ? 1 : 0);
  const lines = log.lines;
  const first = lines[0]?.number ?? 0;
  const getItemKey = useCallback((index: number) => lines[index]?.number ?? "rest", [lines]);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    getItemKey,
    overscan: OVERSCAN,
    initialRect: { width: 800, height: 600 },
  });

  useLayoutEffect(() => {
    if (isFollowing && count > 0) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [virtual, isFollowing, count, log.next]);

  useEffect(() => {
    if (current !== null) virtual.scrollToIndex(current, { align: "center" });
  }, [virtual, current]);

  // Lines that came before the first one must not move what is being read.
  const knownFirst = useRef(first);
  useLayoutEffect(() => {
    const numAdded = knownFirst.current - first;
    knownFirst.current = first;
    if (numAdded > 0 && !isFollowing) virtual.scrollToIndex(numAdded, { align: "start" });
  }, [virtual, first, isFollowing]);

  const lastTop = useRef(0);
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const isUp = element.scrollTop < lastTop.current - 1;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    lastTop.current = element.scrollTop;
    if (isAtEnd && !isUp) onFollow(true);
    else if (isUp && !isAtEnd) onFollow(false);
  };

  const items = virtual.getVirtualItems();
  return (
    <div className="log-scroller" data-testid="log-tail" ref={scroller} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" aria-label={label}>
      <div className="log-lines log-virtual" style={{ height: virtual.getTotalSize() }}>
        <div style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
          {items.map(({ key, index }) => (
            <div key={key} data-index={index} ref={virtual.measureElement}>
              <LogLine text={log.lines[index]?.text ?? rest} search={search} isCurrent={index === current} />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
