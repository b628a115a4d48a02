import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { anEvaluation } from "../testing/evaluation";
import { aJob, aJobDetail } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import "./JobPage"; // loaded before the clock of the first test runs

const ID = aJobDetail().id;
const OTHER = "job_01J9Z3OTHER000000000000000";

/** A finished job on digits; `routes` answers what the test is about, below the job's address. */
function serveJob(routes: Record<string, Answer>, elsewhere: Record<string, Answer> = {}, changes = {}) {
  const job = aJobDetail({ state: "succeeded", ...changes });
  const empty = Object.fromEntries(["/events", "/metrics", "/metrics/series", "/artifacts", "/attempts", "/checkpoints"].map((path) => [path, () => list([])]));
  const log = () => new Response("", { headers: { "Stillhouse-Attempt": "1", "Stillhouse-Size": "0" } });
  const own = Object.entries({ "": () => job, ...empty, "/logs": log, ...routes }).map(([path, answer]) => [`GET /v1/jobs/${ID}${path}`, answer] as const);
  return serve({ "GET /v1/jobs": () => list([]), ...elsewhere, ...Object.fromEntries(own) });
}

const artifact = (kind: string, name: string) => ({
  object: "artifact",
  id: `art_${kind}`,
  job_id: ID,
  attempt: 1,
  kind,
  name,
  size: 100,
  sha256: "ab".repeat(32),
  created_at: "2026-01-02T03:05:05.000Z",
  content_url: `/v1/artifacts/art_${kind}/content`,
});

function serveEvaluation(evaluation: object) {
  const artifacts = () => list([artifact("evaluation", "evaluation.json")]);
  return serveJob({ "/artifacts": artifacts }, { "GET /v1/artifacts/art_evaluation/content": () => evaluation });
}

test("classes, agreement, calibration and confusion are shown of an evaluation", async () => {
  serveEvaluation(anEvaluation());
  show(`/jobs/${ID}?tab=distillation`);
  const classes = await screen.findByRole("region", { name: "Classes" });
  expect(within(classes).getAllByRole("listitem").map((row) => row.title)).toEqual([
    "cat: student 50.00 %, teacher 100.00 %, 4 samples",
    "owl: student 100.00 %, teacher 75.00 %, 4 samples",
  ]);
  expect(screen.getByRole("region", { name: "Student and teacher" }).textContent).toContain("only the teacher right 2");
  expect(screen.getByRole("img", { name: /student: ECE 20.00 %; 95.00 % sure, 75.00 % right/ })).toBeTruthy();
  const map = screen.getByRole("img", { name: /student against teacher: 3 classes/ });
  fireEvent.keyDown(map, { key: "ArrowRight" });
  expect(screen.getByText("teacher says cat, student says dog: 2 samples, 50.00 % of its row")).toBeTruthy();
});

test("a confusion can be read as a table, and the address says so", async () => {
  serveEvaluation(anEvaluation());
  show(`/jobs/${ID}?tab=distillation&confusion=teacher`);
  await userEvent.click(await screen.findByRole("button", { name: "table" }));
  const rows = within(screen.getByRole("region", { name: "Confusion" })).getAllByRole("row");
  expect(rows.map(({ textContent }) => textContent)).toEqual(["labelteacher sayssamples", "owldog1"]);
  expect(location.search).toBe("?tab=distillation&confusion=teacher&as=table");
});

test("without a teacher the student is held against the labels alone", async () => {
  const { num_samples, student } = anEvaluation().per_class;
  serveEvaluation(anEvaluation({ teacher: null, agreement: null, per_class: { num_samples, student } }));
  show(`/jobs/${ID}?tab=distillation`);
  expect(await screen.findByText("Accuracy of each class")).toBeTruthy();
  expect(screen.queryByRole("region", { name: "Student and teacher" })).toBeNull();
  expect(screen.getByRole("button", { name: "student against label" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "teacher against label" })).toBeNull();
});

test("a job without an evaluation says why there is none", async () => {
  serveJob({});
  show(`/jobs/${ID}?tab=distillation`);
  expect(await screen.findByText(/left no evaluation.json/)).toBeTruthy();
});

test("jobs of the data set are placed by cost and accuracy, this one among them", async () => {
  const figures = { "test/accuracy": 0.9, "cost/size_bytes": 2000 };
  const { asked } = serveJob({}, { "GET /v1/jobs": () => list([aJob({ figures }), aJob({ id: OTHER, name: "<b>other</b>", figures: { ...figures, "cost/size_bytes": 1000 } })]) });
  show(`/jobs/${ID}?tab=distillation`);
  expect(await screen.findByRole("link", { name: "this job: 90.00 %, 2.00 kB" })).toBeTruthy();
  expect(screen.getByRole("link", { name: "<b>other</b>: 90.00 %, 1.00 kB" })).toBeTruthy();
  expect(asked.find(({ route, url }) => route === "GET /v1/jobs" && url.searchParams.has("dataset"))?.url.searchParams.get("dataset")).toBe("digits");
});

const GAIN = { metric: "test/accuracy", value: 0.95, controls: [{ job_id: OTHER, name: "control", value: 0.94 }], control_mean: 0.94, peers: [], gain: 0.01, basis: "seeds" };

test("a gain that may be chance is called no evidence of gain", async () => {
  serveJob({ "/gain": () => ({ ...GAIN, low: -0.01, high: 0.03, verdict: "no_evidence", reason: null }) });
  show(`/jobs/${ID}`);
  const card = await screen.findByTestId("job-gain");
  expect(card.textContent).toContain("No evidence of gain");
  expect(card.textContent).toContain("95 % interval −1.00 pp to +3.00 pp");
});

test("with several seeds it is their mean that stands against the control", async () => {
  const peers = [{ job_id: "job_2", name: "seed 1", value: 0.955 }];
  serveJob({ "/gain": () => ({ ...GAIN, value: 0.965, peers, gain: 0.02, low: 0.01, high: 0.03, verdict: "gain", reason: null }) });
  show(`/jobs/${ID}`);
  expect((await screen.findByTestId("job-gain")).textContent).toContain("96.00 %, the mean of 2 seeds (this one 96.50 %), against 94.00 % of control");
});

test("a gain that cannot be asked for is said, and the student can be downloaded all the same", async () => {
  serveJob({ "/gain": () => problem(503, "unavailable", "the database is away"), "/artifacts": () => list([artifact("student", "student.safetensors")]) });
  show(`/jobs/${ID}`);
  expect((await screen.findByRole("alert")).textContent).toContain("the database is away");
  expect((await screen.findByTestId("artifact-download")).getAttribute("href")).toBe("/v1/artifacts/art_student/content");
});

test("a spec is held against another job's, chosen by name", async () => {
  const other = aJob({ id: OTHER, name: "control" });
  const differs = [
    { pointer: "/runtime/seed", values: { [ID]: 0, [OTHER]: 7 } },
    { pointer: "/name", values: { [ID]: "x" } },
  ];
  const comparison = { object: "comparison", data: [other, aJob()], missing: [], baseline: OTHER, differs, alike: [], figures: [], metrics: [] };
  const { asked } = serveJob({}, { "GET /v1/jobs": () => list([aJob(), other]), "GET /v1/compare": () => comparison });
  show(`/jobs/${ID}?tab=spec`);
  await userEvent.type(await screen.findByRole("combobox", { name: "Find a job by name" }), "con");
  const options = await screen.findAllByRole("option");
  expect(options).toHaveLength(1);
  await userEvent.keyboard("{Enter}");
  expect((await screen.findByRole("row", { name: "/runtime/seed 7 0" })).className).toBe("diff-changed");
  expect(screen.getByRole("row", { name: "/name not there x" }).className).toBe("diff-added");
  expect(asked.at(-1)?.url.searchParams.get("ids")).toBe(`${OTHER},${ID}`);
  expect(location.search).toBe(`?tab=spec&against=${OTHER}`);
});

test("attempts say where they ran, where they went on and how they ended", async () => {
  const attempt = {
    object: "attempt",
    id: "att_1",
    job_id: ID,
    number: 1,
    worker_id: "wrk_1",
    devices: [{ node: 0, worker_id: "wrk_1", indices: [0, 1] }],
    resumed_from: null,
    start_step: 0,
    log_bytes: 0,
    exit_code: null,
    signal: 9,
    reason: "engine_killed",
    is_counted: true,
    created_at: "2026-01-02T03:04:05.000Z",
    started_at: "2026-01-02T03:04:05.000Z",
    finished_at: "2026-01-02T03:05:45.000Z",
  };
  const second = { ...attempt, id: "att_2", number: 2, resumed_from: "ckpt_1", start_step: 60, signal: null, exit_code: 0, reason: null, is_counted: false };
  serveJob({ "/attempts": () => list([attempt, second]) }, {}, { attempt: 2 });
  show(`/jobs/${ID}?tab=timeline`);
  const [, newest, oldest] = (await screen.findAllByRole("row")).map(({ textContent }) => textContent);
  expect(newest).toContain("step 60ckpt_1it was done");
  expect(oldest).toContain("devices 0, 1");
  expect(oldest).toContain("1 min 40 sthe beginningengine killed, signal 9, charged to its restarts");
});

/** A log that is longer than what is read of it at first. */
function serveLog(text: string) {
  const whole = new TextEncoder().encode(text);
  return serveJob({
    "/logs": ({ url }) => {
      const tail = url.searchParams.get("tail");
      const offset = tail === null ? Number(url.searchParams.get("offset")) : Math.max(0, whole.length - Number(tail));
      const end = Math.min(whole.length, offset + Number(url.searchParams.get("limit") ?? whole.length));
      const headers = { Attempt: "1", Offset: String(offset), "Next-Offset": String(end), Size: String(whole.length) };
      return new Response(whole.slice(offset, end), { headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [`Stillhouse-${name}`, value])) });
    },
  });
}

test("a search counts what it finds, goes from one to the next, and reads further back", async () => {
  const filler = "nothing of note happens in this line\n".repeat(12_000);
  serveLog(`the needle at the start\n${filler}last needle\nend\n`);
  show(`/jobs/${ID}?tab=log`);
  await userEvent.type(await screen.findByRole("searchbox", { name: "Search the log" }), "needle");
  expect(screen.getByTestId("log-matches").textContent).toBe("1 found");
  await userEvent.keyboard("{Enter}");
  expect(screen.getByTestId("log-matches").textContent).toBe("1 of 1");
  expect(location.search).toBe("?tab=log&find=needle");
  await userEvent.click(screen.getByRole("button", { name: /Search further back/ }));
  await vi.waitFor(() => expect(screen.getByTestId("log-matches").textContent).toBe("2 of 2"));
  expect(screen.queryByRole("button", { name: /Search further back/ })).toBeNull();
  expect(screen.getByTestId("log-tail").querySelectorAll(".log-line").length).toBeLessThan(200);
});

test("curves are asked for by the part that the address names", async () => {
  const { asked } = serveJob({
    "/metrics": () => list([{ key: "train/loss" }, { key: "val/nll" }]),
    "/metrics/series": ({ url }) => list([{ key: url.searchParams.get("key"), points: [{ step: 150, value: 1, min: 1, max: 1, time: "2026-01-02T03:04:05Z" }] }]),
  });
  show(`/jobs/${ID}?tab=curves&from=100&to=200&metric=loss`);
  expect((await screen.findByTestId("chart")).dataset.key).toBe("train/loss");
  const [read] = asked.filter(({ route }) => route.endsWith("/metrics/series"));
  expect(Object.fromEntries(read?.url.searchParams ?? [])).toMatchObject({ key: "train/loss", from: "100", to: "200", x: "step" });
  await userEvent.click(screen.getByRole("button", { name: "Show all" }));
  expect(location.search).toBe("?tab=curves&metric=loss");
});

test("the price of a job is told with its figures", async () => {
  const times = { started_at: "2026-01-02T03:00:00.000Z", finished_at: "2026-01-02T03:10:00.000Z" };
  const resolved_spec = { version: 1, name: "x", runtime: { nodes: 2, devices: 4 } };
  serveJob({}, {}, { ...times, resolved_spec, figures: { "test/accuracy": 0.9, "cost/params": 86250 } });
  show(`/jobs/${ID}`);
  expect(await screen.findByRole("row", { name: "parameters 86,250" })).toBeTruthy();
  expect(screen.getByRole("row", { name: "device time of the job 1 h 20 min" })).toBeTruthy();
});
