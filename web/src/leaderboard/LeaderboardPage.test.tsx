import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { aJob } from "../testing/jobs";
import { problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import "./LeaderboardPage"; // loaded before the clock of the first test runs

const FIRST = "job_01J9Z3FIRST000000000000000";
const SECOND = "job_01J9Z3SECND000000000000000";
const NO_GAIN = { object: "gain", metric: "test/accuracy", value: 0.9, controls: [], control_mean: null, peers: [], gain: null, low: null, high: null, basis: null, verdict: null };

function aLeader(id: string, rank: number, value: number, gain: object, name = id) {
  const job = aJob({ id, name, state: "succeeded", figures: { "test/accuracy": value, "test/top5": 1 } });
  return { object: "leader", rank, value, size_bytes: 353_700, params: 86_250, latency_ms: 0.4395, gain: { ...NO_GAIN, job_id: id, ...gain }, job };
}

function serveBoard(answer: Answer) {
  return serve({ "GET /v1/leaderboard": answer, "GET /v1/components": () => ({ methods: {}, models: {}, datasets: { digits: {}, cifar10: {} } }) });
}

const board = (data: object[], changes = {}) => ({ object: "leaderboard", metric: "test/accuracy", better: "higher", dataset: null, data, ...changes });
const LEADERS = [
  aLeader(FIRST, 1, 0.97, { gain: 0.022, low: 0.011, high: 0.034, verdict: "gain", reason: "7 runs against 7" }, "<b>first</b>"),
  aLeader(SECOND, 2, 0.95, { reason: "the job has no teacher: it is itself a control" }),
];

test("places are told with value, gain, verdict and cost, and lead to the job and the comparison", async () => {
  serveBoard(() => board(LEADERS));
  show("/leaderboard");
  const [first, second] = await screen.findAllByTestId("leader");
  expect(first!.textContent).toMatch(/^1<b>first<\/b>.*97\.00 %\+2\.20 pp.*gain7 runs against 7.*353\.7 kB0\.4395 ms$/);
  expect(within(first!).getByRole("img", { name: "from +1.10 pp to +3.40 pp" })).toBeTruthy();
  expect(within(first!).getByRole("link").getAttribute("href")).toBe(`/jobs/${FIRST}`);
  expect(second!.textContent).toContain("–the job has no teacher");
  expect(screen.getByRole("link", { name: "Compare the first 2" }).getAttribute("href")).toBe(`/compare?ids=${FIRST},${SECOND}`);
});

test("metric, data set and length are those of the address, and change it", async () => {
  const { asked } = serveBoard(() => board(LEADERS.slice(0, 1)));
  show("/leaderboard?metric=test/nll&dataset=digits&limit=50");
  await screen.findByTestId("leader");
  const read = () => Object.fromEntries(asked.findLast(({ route }) => route === "GET /v1/leaderboard")?.url.searchParams ?? []);
  expect(read()).toEqual({ metric: "test/nll", dataset: "digits", limit: "50" });
  expect(screen.queryByRole("link", { name: /^Compare the first/ })).toBeNull();

  const metric = screen.getByRole("combobox", { name: "by" });
  await userEvent.clear(metric);
  await userEvent.type(metric, "test/top5{Enter}");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "on" }), "cifar10");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "the first" }), "20");
  await vi.waitFor(() => expect(read()).toEqual({ metric: "test/top5", dataset: "cifar10", limit: "20" }));
  expect(Object.fromEntries(new URLSearchParams(location.search))).toEqual({ metric: "test/top5", dataset: "cifar10" });
});

test("an empty board says what would fill it", async () => {
  serveBoard(() => board([], { dataset: "digits" }));
  show("/leaderboard?dataset=digits");
  expect((await screen.findByText(/No job that succeeded on digits/)).textContent).toContain("test/accuracy");
});

test("an address that the server refuses shows why", async () => {
  serveBoard(() => problem(422, "query_invalid", "limit: at most 200"));
  show("/leaderboard?limit=1000");
  expect((await screen.findByRole("alert")).textContent).toContain("limit: at most 200");
});
