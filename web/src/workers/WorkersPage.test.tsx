import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { list, serve } from "../testing/serve";
import { show } from "../testing/show";
import type { Worker } from "./queries";

function aWorker(changes: Partial<Worker> = {}): Worker {
  return {
    object: "worker",
    id: "wrk_01",
    pool: "default",
    host: "node-1",
    version: "0.1.0",
    facts: { cpus: 8, memory_bytes: 16e9 },
    is_live: true,
    is_draining: false,
    clear_requested_at: null,
    started_at: "2026-01-02T03:04:05Z",
    heartbeat_at: "2026-01-02T03:04:05Z",
    stopped_at: null,
    devices: [
      { index: 0, kind: "cuda", name: "H100", memory_bytes: 80e9, is_held: true, job_id: "job_01" },
      { index: 1, kind: "cuda", name: "H100", memory_bytes: 80e9, is_held: false, job_id: null },
    ],
    ...changes,
  };
}

test("without a worker the page tells how to start one", async () => {
  serve({ "GET /v1/workers": () => list([]) });
  show("/workers");
  expect(await screen.findByText("stillhouse worker")).toBeTruthy();
});

test("a worker is shown with its devices, their memory and what runs on each by name", async () => {
  serve({ "GET /v1/workers": () => list([aWorker()]), "GET /v1/queue": () => list([{ job_id: "job_01", name: "the job" }]) });
  show("/workers");
  const link = await screen.findByRole("link", { name: "the job" });
  expect(link.getAttribute("href")).toBe("/jobs/job_01");
  const card = screen.getByTestId("worker");
  expect(card.textContent).toContain("80.0 GB");
  expect(card.textContent).toContain("memory16.0 GB");
  expect(screen.getByText(/devices are busy/).textContent).toBe("1 of 2 devices are busy on 1 host");
});

test("draining takes two clicks; at once asks for what runs to be saved", async () => {
  let worker = aWorker();
  const { asked } = serve({
    "GET /v1/workers": () => list([worker]),
    "GET /v1/queue": () => list([]),
    "POST /v1/workers/wrk_01/drain": () => (worker = aWorker({ is_draining: true })),
    "POST /v1/workers/wrk_01/undrain": () => (worker = aWorker()),
  });
  show("/workers");
  await userEvent.click(await screen.findByRole("button", { name: /^Drain at once/ }));
  expect(asked.some(({ route }) => route.startsWith("POST"))).toBe(false);
  await userEvent.click(screen.getByRole("button", { name: /^Click again: its jobs are saved/ }));
  await vi.waitFor(() => expect(asked.find(({ route }) => route.endsWith("/drain"))?.body).toBe('{"now":true}'));
  await userEvent.click(await screen.findByRole("button", { name: "Let it get jobs again" }));
  expect(await screen.findByRole("button", { name: /^Drain: / })).toBeTruthy();
});

test("workers that are gone are shown when they are asked for", async () => {
  serve({ "GET /v1/workers": () => list([aWorker(), aWorker({ id: "wrk_02", host: "old", is_live: false, devices: [] })]), "GET /v1/queue": () => list([]) });
  show("/workers");
  await vi.waitFor(() => expect(screen.getAllByTestId("worker")).toHaveLength(1));
  await userEvent.click(screen.getByRole("button", { name: "all (2)" }));
  const [, old] = screen.getAllByTestId("worker");
  expect(within(old!).getByText("not heard of")).toBeTruthy();
  expect(within(old!).queryByRole("button")).toBeNull();
  expect(location.search).toBe("?show=all");
});
