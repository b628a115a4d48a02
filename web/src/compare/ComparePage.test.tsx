import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { aJob } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";

const A = aJob({ id: "job_A", name: "taught", state: "succeeded" });
const B = aJob({ id: "job_B", name: "alone <b>", state: "succeeded" });

function measure(key: string, values: Record<string, number>, more: object = {}) {
  const deltas = "job_A" in values && "job_B" in values ? { job_B: values.job_B! - values.job_A! } : {};
  return { key, better: "higher", differs: new Set(Object.values(values)).size > 1, values, deltas, ...more };
}

const COMPARISON = {
  object: "comparison",
  data: [A, B],
  missing: [],
  baseline: "job_A",
  differs: [
    { pointer: "/models/teacher/model", values: { job_A: "resnet20" } },
    { pointer: "/runtime/seed", values: { job_A: 0, job_B: 1 } },
  ],
  alike: [],
  figures: [measure("test/accuracy", { job_A: 0.9, job_B: 0.8 }), measure("cost/size_bytes", { job_A: 1000, job_B: 2000 }, { better: "lower" })],
  metrics: [measure("train/loss", { job_A: 0.3, job_B: 0.4 }, { better: "lower" })],
};

const GAIN = { object: "gain", job_id: "job_A", metric: "test/accuracy", value: 0.9, controls: [{ job_id: "job_B", name: "alone", value: 0.8 }], control_mean: 0.8, peers: [], gain: 0.1, low: 0.05, high: 0.15, basis: "samples", verdict: "gain", reason: "1 run against 1 run" };
const NO_GAIN = { ...GAIN, job_id: "job_B", controls: [], control_mean: null, gain: null, low: null, high: null, basis: null, verdict: null, reason: "it is itself a control" };

function open(address: string, more: Record<string, Answer> = {}) {
  const points = [1, 2, 3].map((step) => ({ step, value: 1 / step, min: 1 / step, max: 1 / step, time: null }));
  const served = serve({
    "GET /v1/compare": () => COMPARISON,
    "POST /v1/metrics:batchGet": () => ({ data: ["job_A", "job_B"].map((id) => ({ job_id: id, series: [{ key: "train/loss", points }] })), missing: [] }),
    "GET /v1/jobs/job_A/gain": () => GAIN,
    "GET /v1/jobs/job_B/gain": () => NO_GAIN,
    "GET /v1/jobs": () => list([A, B, aJob({ id: "job_C", name: "third" })]),
    ...more,
  });
  show(address);
  return served;
}

const table = async () => (await screen.findByRole("heading", { name: "Results and parameters" })).closest("section")!;

test("without jobs the page tells how to choose some", async () => {
  open("/compare");
  expect(await screen.findByText(/choose jobs in/)).toBeTruthy();
});

test("results are shown with their differences from the baseline, the best marked", async () => {
  const { asked } = open("/compare?ids=job_A,job_B");
  const row = within(await table()).getByRole("rowheader", { name: "Test accuracy" }).closest("tr")!;
  const [first, second] = within(row).getAllByRole("cell");
  expect(first!.textContent).toBe("90.00 % best");
  expect(second!.textContent).toBe("80.00 %−10.00 pp");
  expect(asked.find(({ route }) => route === "GET /v1/compare")!.url.search).toBe("?ids=job_A%2Cjob_B");
});

test("a place that a spec lacks is a dash, and all parameters are asked for when wanted", async () => {
  const { asked } = open("/compare?ids=job_A,job_B", {
    "GET /v1/compare": ({ url }) => ({ ...COMPARISON, alike: url.searchParams.get("all") ? [{ pointer: "/version", value: 1 }] : [] }),
  });
  const row = within(await table()).getByRole("rowheader", { name: "/models/teacher/model" }).closest("tr")!;
  expect(within(row).getAllByRole("cell").map(({ textContent }) => textContent)).toEqual(["resnet20", "–"]);
  await userEvent.click(screen.getByRole("checkbox", { name: "only what differs" }));
  expect(await screen.findByRole("rowheader", { name: "/version" })).toBeTruthy();
  expect(asked.some(({ url }) => url.searchParams.get("all") === "true")).toBe(true);
  expect(location.search).toContain("all=1");
});

test("each job's gain is shown with its interval and its verdict, or why there is none", async () => {
  open("/compare?ids=job_A,job_B");
  await screen.findByText("it is itself a control");
  const [first, second] = screen.getAllByTestId("gain-row");
  expect(first!.textContent).toContain("+10.00 pp");
  expect(within(first!).getByRole("img").getAttribute("aria-label")).toBe("from +5.00 pp to +15.00 pp");
  expect(first!.querySelector("strong")!.textContent).toBe("gain");
  expect(within(second!).queryByRole("img")).toBeNull();
});

test("curves of all jobs are asked for at once, those of the address", async () => {
  const { asked } = open("/compare?ids=job_A,job_B&smooth=0.5&scale=log");
  expect((await screen.findByTestId("overlay")).dataset.key).toBe("train/loss");
  const question = JSON.parse(asked.find(({ route }) => route.startsWith("POST"))!.body);
  expect(question).toMatchObject({ job_ids: ["job_A", "job_B"], keys: ["train/loss"] });
  expect(within(screen.getByTestId("overlay")).getByRole("img").getAttribute("aria-label")).toMatch(/^train\/loss: taught ends at 0\.\d+, alone <b> ends at/);
  fireEvent.change(screen.getByRole("slider"), { target: { value: "0.9" } });
  expect(new URLSearchParams(location.search).get("smooth")).toBe("0.9");
});

test("a job is taken out, another one added, and another one made the baseline", async () => {
  const { asked } = open("/compare?ids=job_A,job_B");
  await screen.findAllByTestId("compared-job");
  await userEvent.click(screen.getByRole("button", { name: "make baseline" }));
  expect(new URLSearchParams(location.search).get("baseline")).toBe("job_B");
  await vi.waitFor(() => expect(asked.some(({ url }) => url.searchParams.get("baseline") === "job_B")).toBe(true));
  await userEvent.click(screen.getByRole("button", { name: "Add a job" }));
  await userEvent.click(await screen.findByRole("button", { name: /third/ }));
  expect(new URLSearchParams(location.search).get("ids")).toBe("job_A,job_B,job_C");
  await userEvent.click(screen.getByRole("button", { name: "Take alone <b> out" }));
  expect(new URLSearchParams(location.search).get("ids")).toBe("job_A,job_C");
  expect(new URLSearchParams(location.search).get("baseline")).toBeNull();
});

test("the mouse over a job marks it in every view", async () => {
  open("/compare?ids=job_A,job_B");
  const [, second] = await screen.findAllByTestId("compared-job");
  await screen.findByTestId("overlay");
  fireEvent.mouseEnter(second!);
  expect(screen.getAllByTestId("gain-row")[1]!.dataset.hovered).toBe("true");
  expect(screen.getByRole("link", { name: /^taught: Test accuracy/ }).getAttribute("class")).toBe("dim");
  expect(document.querySelectorAll(".side col.hovered")).toHaveLength(1);
  fireEvent.mouseLeave(second!);
  expect(document.querySelector("[data-hovered], .dim, col.hovered")).toBeNull();
});

test("the scatter has what a student costs across and how good it is up, until others are chosen", async () => {
  open("/compare?ids=job_A,job_B");
  expect(await screen.findByRole("group", { name: "Test accuracy by Size" })).toBeTruthy();
  await userEvent.selectOptions(screen.getByLabelText("across"), "spec:/runtime/seed");
  expect(screen.getByRole("group", { name: "Test accuracy by /runtime/seed" })).toBeTruthy();
  expect(new URLSearchParams(location.search).get("x")).toBe("spec:/runtime/seed");
});

test("a job that is gone is named and can be taken out", async () => {
  open("/compare?ids=job_A,job_Z", { "GET /v1/compare": () => ({ ...COMPARISON, data: [A], missing: ["job_Z"] }) });
  await userEvent.click(await screen.findByRole("button", { name: "Take job_Z out" }));
  expect(new URLSearchParams(location.search).get("ids")).toBe("job_A");
});

test("a refusal is shown with a way to try again", async () => {
  open("/compare?ids=job_A", { "GET /v1/compare": () => problem(422, "query_invalid", "so many jobs cannot be compared") });
  expect((await screen.findByRole("alert")).textContent).toContain("so many jobs cannot be compared");
  expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
});
