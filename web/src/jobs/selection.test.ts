import { expect, test } from "vitest";

import { extend, NOTHING, toggle, toggleAll } from "./selection";

const ORDER = ["a", "b", "c", "d", "e"];
const chosen = (selection: { ids: ReadonlySet<string> }) => [...selection.ids].sort().join("");

test("a range is chosen from the last job touched, in either direction", () => {
  const one = toggle(NOTHING, "d");
  expect(chosen(extend(one, ORDER, "b"))).toBe("bcd");
  expect(chosen(extend(extend(one, ORDER, "b"), ORDER, "e"))).toBe("bcde");
});

test("a range from a job that was let go lets go", () => {
  const all = toggleAll(NOTHING, ORDER);
  expect(chosen(extend(toggle(all, "b"), ORDER, "d"))).toBe("ae");
});

test("without an anchor, or when it is gone from the list, one job is toggled", () => {
  expect(chosen(extend(NOTHING, ORDER, "c"))).toBe("c");
  expect(chosen(extend(toggle(NOTHING, "z"), ORDER, "c"))).toBe("cz");
});

test("all are chosen, and none when all were", () => {
  const all = toggleAll(toggle(NOTHING, "a"), ORDER);
  expect(chosen(all)).toBe("abcde");
  expect(chosen(toggleAll(all, ORDER))).toBe("");
  expect(chosen(toggleAll(NOTHING, []))).toBe("");
});
