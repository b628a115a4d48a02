import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import type { JobDetail } from "../api/types";
import { FakeEventSource } from "../testing/FakeEventSource";
import { aJobDetail } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import "./JobPage"; // loaded before the clock of the first test runs

const ID = aJobDetail().id;
const STUDENT = {
  object: "artifact",
  id: "art_1",
  job_id: ID,
  attempt: 1,
  kind: "student",
  name: "student.safetensors",
  size: 318_744,
  sha256: "cd".repeat(32),
  created_at: "2026-01-02T03:05:05.000Z",
  content_url: "/v1/artifacts/art_1/content",
};

/** A server with one job, whose parts a test may change as it goes. */
function serveJob(parts: { job?: JobDetail; log?: string; points?: number; artifacts?: object[] } = {}) {
  const state = { job: aJobDetail(), log: "", points: 2, artifacts: [] as object[], ...parts };
  const routes: Record<string, Answer> = {
    "": () => state.job,
    "/events": ({ url }) => list(url.searchParams.get("after") === "0" ? [anEvent(1, "submitted"), anEvent(2, "running")] : []),
    "/metrics": () => list([{ key: "train/loss", last: 1, min: 1, max: 1, count: state.points, last_step: 1 }]),
    "/metrics/series": () => list([{ key: "train/loss", points: points(state.points) }]),
    "/artifacts": () => list(state.artifacts),
    "/logs": ({ url }) => logAnswer(state.log, url),
  };
  const table = Object.entries(routes).map(([path, answer]) => [`GET /v1/jobs/${ID}${path}`, answer]);
  const cancel: Answer = () => Object.assign(state.job, { state: "cancelling" });
  const { asked } = serve({ ...Object.fromEntries(table), [`POST /v1/jobs/${ID}/cancel`]: cancel });
  return { state, asked };
}

function serveJobWithStates() {
  const job = aJobDetail();
  const states = list([{ state: "running", verbs: { cancel: "cancelling", pause: "pausing" } }]);
  return serve({
    [`GET /v1/jobs/${ID}`]: () => job,
    "GET /v1/states": () => states,
    [`POST /v1/jobs/${ID}/pause`]: () => Object.assign(job, { state: "pausing" }),
  });
}

function anEvent(id: number, type: string): object {
  return { object: "event", id, job_id: ID, type, data: {}, actor: "user", created_at: "2026-01-02T03:04:05.000Z" };
}

function points(count: number): object[] {
  return Array.from({ length: count }, (_, step) => ({ step, value: 1 / (step + 1), min: 0, max: 2, time: "" }));
}

function logAnswer(log: string, url: URL): Response {
  const bytes = new TextEncoder().encode(log);
  const offset = Number(url.searchParams.get("offset") ?? 0);
  const attempt = url.searchParams.get("attempt") ?? "1";
  const headers = { Attempt: attempt, Offset: String(offset), "Next-Offset": String(bytes.length), Size: String(bytes.length) };
  const named = Object.entries(headers).map(([name, value]) => [`Stillhouse-${name}`, value]);
  return new Response(bytes.slice(offset), { headers: Object.fromEntries(named) });
}

test("a running job shows its progress, curves, log and events", async () => {
  serveJob({ log: "epoch 1\nWARNING slow\n" });
  show(`/jobs/${ID}`);
  expect((await screen.findByTestId("chart")).dataset).toMatchObject({ key: "train/loss", points: "2" });
  expect(screen.getByText("1 min 20 s left")).toBeTruthy();
  await vi.waitFor(() => expect(screen.getByTestId("log-tail").textContent).toContain("WARNING slow"));
  expect(await screen.findByText("submitted")).toBeTruthy();
});

test("hints make curves grow and the log go on, each byte fetched once", async () => {
  const { state, asked } = serveJob({ log: "one\n" });
  show(`/jobs/${ID}`);
  await vi.waitFor(() => expect(screen.getByTestId("log-tail").textContent).toContain("one"));
  await screen.findByTestId("chart");
  FakeEventSource.latest.onopen?.();
  Object.assign(state, { points: 5, log: "one\ntwo\n" });
  FakeEventSource.latest.hint({ job_id: ID, kind: "metrics", cursor: 2 });
  FakeEventSource.latest.hint({ job_id: ID, kind: "log", cursor: "1:8" });
  await vi.waitFor(() => expect(screen.getByTestId("chart").dataset.points).toBe("5"));
  await vi.waitFor(() => expect(screen.getByTestId("log-tail").textContent).toBe("onetwo"), { timeout: 3000 });
  const reads = asked.filter(({ route }) => route.endsWith("/logs")).map(({ url }) => url.searchParams.get("offset"));
  expect(reads).toEqual([null, "4"]);
});

test("an earlier attempt's log can be chosen", async () => {
  const { asked } = serveJob({ job: aJobDetail({ attempt: 2 }), log: "one\n" });
  show(`/jobs/${ID}?tab=log`);
  await userEvent.selectOptions(await screen.findByLabelText("Attempt"), "1");
  await vi.waitFor(() => expect(asked.at(-1)?.url.searchParams.get("attempt")).toBe("1"));
  expect(location.search).toBe("?tab=log&attempt=1");
});

test("results are offered with size and checksum", async () => {
  serveJob({ job: aJobDetail({ state: "succeeded" }), artifacts: [STUDENT] });
  show(`/jobs/${ID}?tab=artifacts`);
  const link = await screen.findByTestId("artifact-download");
  expect(link.getAttribute("href")).toBe("/v1/artifacts/art_1/content");
  expect(link.getAttribute("download")).toBe("student.safetensors");
  expect(link.dataset.kind).toBe("student");
  expect(screen.getByText(`sha256 ${STUDENT.sha256}`)).toBeTruthy();
});

test("a job is cancelled by a second click, not by the first", async () => {
  const { asked } = serveJob();
  show(`/jobs/${ID}?tab=timeline`);
  const button = await screen.findByTestId("job-cancel");
  await userEvent.click(button);
  expect(asked.some(({ route }) => route.startsWith("POST"))).toBe(false);
  await userEvent.click(button);
  await vi.waitFor(() => expect(screen.getByTestId("job-state").textContent).toBe("cancelling"));
  expect(screen.queryByTestId("job-cancel")).toBeNull();
});

test("a job takes the verbs of its state, and shows where it stands then", async () => {
  const { asked } = serveJobWithStates();
  show(`/jobs/${ID}?tab=timeline`);
  await userEvent.click(await screen.findByTestId("job-pause"));
  await vi.waitFor(() => expect(screen.getByTestId("job-state").textContent).toBe("pausing"));
  expect(asked.some(({ route }) => route === `POST /v1/jobs/${ID}/pause`)).toBe(true);
  expect(screen.queryByTestId("job-resume")).toBeNull();
});

test("a failed job says why", async () => {
  serveJob({ job: aJobDetail({ state: "failed", status_reason: "nan_loss", status_message: "The loss became NaN in step 7." }) });
  show(`/jobs/${ID}?tab=timeline`);
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toBe("nan lossThe loss became NaN in step 7.");
});

test("the tab is in the address, and the arrow keys walk", async () => {
  serveJob();
  show(`/jobs/${ID}?tab=system`);
  (await screen.findByRole("tab", { name: "System" })).focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(screen.getByRole("tab", { name: "Overview" }).getAttribute("aria-selected")).toBe("true");
  expect(location.search).toBe("");
});

test("the spec is shown as sent and as resolved", async () => {
  serveJob();
  show(`/jobs/${ID}?tab=spec`);
  expect((await screen.findByLabelText("The submitted spec")).textContent).not.toContain("seed");
  await userEvent.click(screen.getByRole("button", { name: "resolved" }));
  expect(screen.getByLabelText("The resolved spec").textContent).toContain("seed: 0");
  await userEvent.click(screen.getByRole("button", { name: "json" }));
  expect(screen.getByLabelText("The resolved spec").textContent).toContain('"seed": 0');
});

test("a job that does not exist is said to be missing", async () => {
  serve({ [`GET /v1/jobs/${ID}`]: () => problem(404, "job_not_found", "No job has this id.") });
  show(`/jobs/${ID}`);
  expect((await screen.findByRole("alert")).textContent).toContain("No job has this id.");
});
