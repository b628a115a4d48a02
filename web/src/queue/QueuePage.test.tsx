import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { list, problem, serve } from "../testing/serve";
import { show } from "../testing/show";
import type { QueueEntry } from "./queries";

const READER = { object: "session", key_id: "key_1", name: "reader", project: null, scopes: ["jobs:read"], csrf_token: null };

function anEntry(changes: Partial<QueueEntry> = {}): QueueEntry {
  return {
    object: "queue_entry",
    job_id: "job_01",
    name: "waits",
    project: "default",
    pool: "default",
    state: "queued",
    priority: 0,
    num_devices: 1,
    place: 1,
    status_reason: null,
    waits_for: "devices that are free",
    queued_at: "2026-01-02T03:04:05Z",
    starts_in_s: { p50: 60, p90: 90 },
    ends_in_s: { p50: 3600, p90: 7200 },
    basis: "like",
    num_runs: 3,
    ...changes,
  };
}

test("an empty queue says what that means", async () => {
  serve({ "GET /v1/queue": () => list([]) });
  show("/queue");
  expect(await screen.findByText(/Nothing waits and nothing runs/)).toBeTruthy();
  expect(screen.queryByRole("table")).toBeNull();
});

test("those that wait are shown with place, reason and ranges, those that run apart", async () => {
  const running = anEntry({ job_id: "job_02", name: "runs", place: null, state: "running", starts_in_s: null, ends_in_s: null });
  serve({ "GET /v1/queue": () => list([running, anEntry()]) });
  show("/queue");
  const waiting = await screen.findByRole("region", { name: "Jobs that wait" });
  expect(waiting.textContent).toContain("devices that are free");
  expect(waiting.textContent).toContain("1 min – 1 min 30 s");
  expect(waiting.textContent).toContain("1 h – 2 h");
  expect(within(waiting).getByRole("link", { name: "waits" }).getAttribute("href")).toBe("/jobs/job_01");
  expect(screen.getByRole("region", { name: "Jobs that hold devices" }).textContent).toContain("not known");
});

test("a priority is changed in place, and the queue asked again", async () => {
  let entry = anEntry();
  const { asked } = serve({
    "GET /v1/queue": () => list([entry]),
    "PATCH /v1/jobs/job_01": ({ body }) => {
      entry = anEntry(JSON.parse(body) as Partial<QueueEntry>);
      return {};
    },
  });
  show("/queue");
  const field = await screen.findByLabelText("Priority of waits");
  await userEvent.clear(field);
  await userEvent.type(field, "7{Enter}");
  await vi.waitFor(() => expect(asked.find(({ route }) => route.startsWith("PATCH"))?.body).toBe('{"priority":7}'));
  await vi.waitFor(() => expect((screen.getByLabelText("Priority of waits") as HTMLInputElement).value).toBe("7"));
  expect(screen.queryByRole("button", { name: "Set" })).toBeNull();
});

test("a priority out of bounds is not sent, and a refusal is told", async () => {
  const { asked } = serve({ "GET /v1/queue": () => list([anEntry()]), "PATCH /v1/jobs/job_01": () => problem(409, "state", "it runs already") });
  show("/queue");
  const field = await screen.findByLabelText("Priority of waits");
  await userEvent.clear(field);
  await userEvent.type(field, "1001{Enter}");
  expect(screen.getByText(/a whole number from/)).toBeTruthy();
  expect(asked.some(({ route }) => route.startsWith("PATCH"))).toBe(false);
  await userEvent.clear(field);
  await userEvent.type(field, "5{Enter}");
  expect(await screen.findByText("it runs already")).toBeTruthy();
});

test("who may only read sees priorities and is told why they stay", async () => {
  serve({ "GET /v1/queue": () => list([anEntry()]), "GET /v1/session": () => READER });
  show("/queue");
  expect((await screen.findByTestId("needs-scope")).textContent).toContain("jobs:write");
  expect(screen.queryByLabelText("Priority of waits")).toBeNull();
});

test("a search is kept in the address", async () => {
  serve({ "GET /v1/queue": () => list([anEntry(), anEntry({ job_id: "job_03", name: "other" })]) });
  show("/queue?q=oth");
  await vi.waitFor(() => expect(screen.getAllByTestId("queue-row")).toHaveLength(1));
  await userEvent.clear(screen.getByRole("searchbox"));
  expect(screen.getAllByTestId("queue-row")).toHaveLength(2);
  expect(location.search).toBe("");
});
