/** What jsdom lacks and the pages need. */

import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

configure({ asyncUtilTimeout: 5_000 }); // a page's code is fetched when it is shown, which takes its time where cores are shared
vi.setConfig({ testTimeout: 30_000 });

class NoResizes implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

/** Everything is in view. */
class AllInView {
  constructor(private readonly onChange: (entries: { isIntersecting: boolean }[]) => void) {}
  observe(): void {
    this.onChange([{ isIntersecting: true }]);
  }
  disconnect(): void {}
}

vi.stubGlobal("matchMedia", (media: string) => ({
  media,
  matches: false,
  addEventListener: () => {},
  removeEventListener: () => {},
}));
vi.stubGlobal("ResizeObserver", NoResizes);
vi.stubGlobal("IntersectionObserver", AllInView);
vi.stubGlobal("Path2D", class {});
vi.stubGlobal("scrollTo", () => {});
document.execCommand = () => false;
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

beforeEach(() => {
  history.replaceState(null, "", "/");
  sessionStorage.clear();
});

afterEach(cleanup);

/** A canvas that takes every call and draws nothing: what is drawn is looked at in a real browser. */
const blankContext = new Proxy({} as Record<string, unknown>, {
  get: (target, name: string) => target[name] ?? (() => ({ width: 0 })),
  set: (target, name: string, value) => Boolean((target[name] = value) || true),
});
HTMLCanvasElement.prototype.getContext = (() => blankContext) as unknown as HTMLCanvasElement["getContext"];

/** Nothing is laid out; a log, which draws only the lines that it has room for, gets some. */
function roomFor(element: HTMLElement, pixels: number): number {
  return element.classList.contains("log-scroller") ? pixels : 0;
}
Object.defineProperties(HTMLElement.prototype, {
  clientWidth: {
    configurable: true,
    get(this: HTMLElement) {
      return roomFor(this, 800);
    },
  },
  clientHeight: {
    configurable: true,
    get(this: HTMLElement) {
      return roomFor(this, 600);
    },
  },
});
Object.defineProperty(HTMLElement.prototype, "offsetHeight", {
  configurable: true,
  get(this: HTMLElement) {
    return this.dataset.index === undefined ? 0 : 20;
  },
});
HTMLElement.prototype.scrollTo = () => {};
