/** Keeps a scrolled element at its end as it grows, until a person scrolls away from it. */

import { useCallback, useLayoutEffect, useRef, useState } from "react";

const NEAR_PX = 24;

export function useFollow(content: unknown) {
  const scroller = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const [isFollowing, setFollowing] = useState(true);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && isFollowing) element.scrollTop = element.scrollHeight;
  }, [content, isFollowing]);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const isUp = element.scrollTop < lastTop.current;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    lastTop.current = element.scrollTop;
    if (isAtEnd) setFollowing(true);
    else if (isUp) setFollowing(false);
  }, []);

  return { scroller, isFollowing, setFollowing, onScroll };
}
