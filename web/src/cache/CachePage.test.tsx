import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { list, serve } from "../testing/serve";
import { show } from "../testing/show";
import type { CacheEntry } from "./queries";

const TOTALS = { num_entries: 2, size: 3e9, num_hits: 5, saved_s: 3700 };

function anEntry(changes: Partial<CacheEntry> = {}): CacheEntry {
  return {
    object: "teacher_cache_entry",
    id: "aa:host",
    key: "a".repeat(64),
    root: "host",
    facts: { model: "resnet20", rows: 1437 },
    is_ready: true,
    size: 1e6,
    num_hits: 4,
    saved_s: 60,
    created_at: "2026-01-02T03:04:05Z",
    used_at: "2026-01-02T03:04:05Z",
    delete_requested_at: null,
    ...changes,
  };
}

test("an empty cache says how it fills", async () => {
  serve({ "GET /v1/teacher-cache": () => ({ ...list([]), ...TOTALS, num_entries: 0 }) });
  show("/cache");
  expect(await screen.findByText(/No teacher outputs are stored/)).toBeTruthy();
});

test("entries and what all of them come to are shown", async () => {
  const other = anEntry({ id: "bb:host", is_ready: false, facts: { model: "<b>bold</b>" } });
  serve({ "GET /v1/teacher-cache": () => ({ ...list([anEntry(), other]), ...TOTALS }) });
  show("/cache");
  const [first, second] = await screen.findAllByTestId("cache-entry");
  expect(first!.textContent).toContain("resnet20 · 1,437 rows");
  expect(second!.textContent).toContain("<b>bold</b>");
  expect(second!.textContent).toContain("being stored");
  expect(screen.getByTestId("cache-totals").textContent).toContain("device time saved1 h 1 min");
});

test("removing takes two clicks and is shown as asked for", async () => {
  let entry = anEntry();
  const { asked } = serve({
    "GET /v1/teacher-cache": () => ({ ...list([entry]), ...TOTALS }),
    [`DELETE /v1/teacher-cache/${entry.key}`]: () => (entry = anEntry({ delete_requested_at: "2026-01-02T03:04:05Z" })),
  });
  show("/cache");
  const row = await screen.findByTestId("cache-entry");
  await userEvent.click(within(row).getByRole("button", { name: /^Remove/ }));
  expect(asked.some(({ route }) => route.startsWith("DELETE"))).toBe(false);
  await userEvent.click(within(row).getByRole("button", { name: /^Click again/ }));
  expect(await screen.findByText("to be removed")).toBeTruthy();
  await vi.waitFor(() => expect(screen.queryByRole("button", { name: /Remove|Click again/ })).toBeNull());
});
