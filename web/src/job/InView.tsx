/** Shows its content while it is in view or near it, and keeps its place free while it is not. */

import { useEffect, useRef, useState, type ReactNode } from "react";

const NEAR = "300px";

export function InView({ height, children }: { height: number; children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => setNear(entries.at(-1)?.isIntersecting ?? false),
      { rootMargin: NEAR },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div className="in-view" ref={place} style={{ minHeight: height }}>
      {isNear && children}
    </div>
  );
}
