import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { aJobDetail } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import { aSweep, aTrial, SWEEP_ID } from "../testing/sweeps";
import type { SweepDetail } from "./queries";
import "./SweepPage"; // loaded before the clock of the first test runs
import "./SweepsPage";

const STATES = list([
  { state: "running", verbs: { cancel: "cancelling", pause: "pausing" } },
  { state: "paused", verbs: { cancel: "cancelled", resume: "queued" } },
  { state: "succeeded", verbs: {} },
  { state: "cancelled", verbs: { retry: "queued" } },
]);

const LATE = { rung: 1, step: 10, value: 0.2, place: 3, num_judged: 3, is_kept: false };
const BEST = aTrial(2, { state: "succeeded", value: 0.875, progress: 1 });
const JUDGED = aSweep({
  trials: [aTrial(1, { value: 0.5 }), BEST, aTrial(3, { state: "cancelled", status_reason: "sweep_stopped", value: 0.2, judgements: [LATE] })],
  best: BEST,
  states: { running: 1, succeeded: 1, cancelled: 1 },
});

function serveSweep(sweep: SweepDetail, more: Record<string, Answer> = {}) {
  const curves = { object: "series_batch", data: [{ job_id: BEST.job_id, series: [{ key: "val/accuracy", points: [{ step: 1, value: 0.5, min: 0.5, max: 0.5, time: "" }] }] }], missing: [], max_points: 500 };
  return serve({
    "GET /v1/states": () => STATES,
    [`GET /v1/sweeps/${SWEEP_ID}`]: () => sweep,
    "POST /v1/metrics:batchGet": () => curves,
    [`GET /v1/jobs/${BEST.job_id}/artifacts`]: () => list([{ kind: "student", name: "student.safetensors", size: 1000, content_url: "/v1/artifacts/art_1/content" }]),
    ...more,
  });
}

test("a sweep tells what is varied, how its trials stand, and brings the best student", async () => {
  serveSweep(JUDGED);
  show(`/sweeps/${SWEEP_ID}`);
  const rows = await screen.findAllByTestId("trial");
  expect(rows.map((row) => row.dataset.trial)).toEqual(["2", "1", "3"]);
  expect(rows[0]!.textContent).toContain("87.50 % best");
  expect(rows[2]!.textContent).toContain("rung 1, step 10: place 3 of 3");
  expect(screen.getByTestId("sweep-states").textContent).toBe("1 running, 1 succeeded, 1 cancelled");
  expect(screen.getAllByTestId("sweep-axis")[0]!.textContent).toContain("/stages/0/optimizer/lr");
  expect(screen.getByText(/for the most val\/accuracy; one in 3 goes on at each of 2 rungs/)).toBeTruthy();
  const best = screen.getByTestId("best-trial");
  expect(best.textContent).toContain("lr 0.2, seed 0");
  expect((await within(best).findByRole("link", { name: /Download the student/ })).getAttribute("href")).toBe("/v1/artifacts/art_1/content");
  expect(screen.getByRole("link", { name: "Compare" }).getAttribute("href")).toBe(`/compare?ids=${[1, 0, 2].map((index) => JUDGED.trials[index]!.job_id).join(",")}`);
  expect(await screen.findByTestId("overlay")).toBeTruthy();
  expect(screen.getByRole("group", { name: "Jobs by lr, seed, val/accuracy" })).toBeTruthy();
  expect(screen.getByRole("group", { name: "val/accuracy by lr" })).toBeTruthy();
});

test("its trials are sorted by a click on a title, and the address keeps that", async () => {
  serveSweep(JUDGED);
  show(`/sweeps/${SWEEP_ID}`);
  await userEvent.click(await screen.findByRole("button", { name: "Trial" }));
  expect(screen.getAllByTestId("trial").map((row) => row.dataset.trial)).toEqual(["3", "2", "1"]);
  expect(new URLSearchParams(location.search).get("sort")).toBe("-number");
});

test("what its trials allow can be asked of the sweep; cancelling asks twice", async () => {
  const { asked } = serveSweep(aSweep(), {
    [`POST /v1/sweeps/${SWEEP_ID}/pause`]: () => problem(409, "sweep_refused", "none of its trials can be paused"),
    [`POST /v1/sweeps/${SWEEP_ID}/cancel`]: () => aSweep({ states: { cancelling: 3 } }),
  });
  show(`/sweeps/${SWEEP_ID}`);
  await userEvent.click(await screen.findByRole("button", { name: "Pause" }));
  expect((await screen.findByRole("alert")).textContent).toBe("none of its trials can be paused");
  expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Cancel sweep" }));
  await userEvent.click(screen.getByRole("button", { name: "Click again to cancel" }));
  await vi.waitFor(() => expect(asked.some(({ route }) => route === `POST /v1/sweeps/${SWEEP_ID}/cancel`)).toBe(true));
});

test("a sweep whose jobs were deleted says so", async () => {
  serveSweep(aSweep({ trials: [], states: {} }));
  show(`/sweeps/${SWEEP_ID}`);
  expect(await screen.findByText(/jobs of all its trials have been deleted/)).toBeTruthy();
});

test("a sweep that the server does not know leads back to the list", async () => {
  serve({});
  show(`/sweeps/${SWEEP_ID}`);
  expect((await screen.findByRole("alert")).textContent).toContain("not_found");
  expect(screen.getByRole("link", { name: "See all sweeps" })).toBeTruthy();
});

test("sweeps are listed with what they vary and how they stand", async () => {
  serve({ "GET /v1/sweeps": () => list([JUDGED]) });
  show("/sweeps");
  const row = await screen.findByTestId("sweep");
  expect(row.textContent).toContain("lr, seed");
  expect(row.textContent).toContain("1 running, 1 succeeded, 1 cancelled");
  expect(within(row).getByRole("link").getAttribute("href")).toBe(`/sweeps/${SWEEP_ID}`);
});

test("an empty list says how to make a sweep", async () => {
  serve({ "GET /v1/sweeps": () => list([]) });
  show("/sweeps");
  expect((await screen.findByText(/No sweep was submitted yet/)).textContent).toContain("stillhouse sweep submit");
});

test("a list that fails can be asked for again", async () => {
  serve({ "GET /v1/sweeps": () => problem(503, "unready", "the database is away") });
  show("/sweeps");
  expect(await screen.findByText("the database is away")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
});

test("the page of a job leads to the sweep that it is a trial of", async () => {
  const job = aJobDetail({ id: BEST.job_id, sweep_id: SWEEP_ID });
  serveSweep(JUDGED, { [`GET /v1/jobs/${job.id}`]: () => job });
  show(`/jobs/${job.id}`);
  const link = await screen.findByTestId("job-sweep");
  await vi.waitFor(() => expect(link.textContent).toBe("trial 2 of 3 of sweep rates"));
  expect(link.getAttribute("href")).toBe(`/sweeps/${SWEEP_ID}`);
});
