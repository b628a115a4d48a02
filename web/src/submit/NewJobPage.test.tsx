import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { CATALOG, SCHEMA } from "../testing/components";
import { findEditor, readEditor, writeEditor } from "../testing/editor";
import { aJobDetail } from "../testing/jobs";
import { list, problem, serve as serveRoutes, type Answer } from "../testing/serve";
import { show } from "../testing/show";

const VALID = { valid: true, problems: [], resolved_spec: {} };
const DRY_RUN = {
  object: "dry_run",
  resolved_spec: { version: 1, name: "written out" },
  warnings: [],
  cost: { steps: 240, samples: 15360, seconds: { p50: 61, p90: 95 }, basis: "like", num_runs: 3 },
  cache: [{ stage: "distil", state: "hit" }],
  place_in_queue: 2,
};

/** Answers what every view of the page asks; a submission, which lacks `dry_run`, is the test's own. */
function serve(routes: Record<string, Answer> = {}) {
  const { "POST /v1/jobs": submit, ...others } = routes;
  return serveRoutes({
    "GET /v1/components": () => CATALOG,
    "GET /v1/specs/schema": () => SCHEMA,
    "GET /v1/jobs": () => list([]),
    "POST /v1/specs/validate": () => VALID,
    "POST /v1/jobs": (request) => (request.url.searchParams.has("dry_run") ? DRY_RUN : (submit?.(request) ?? problem(404, "not_found", "no submission"))),
    ...others,
  });
}

const isSubmission = ({ route, url }: { route: string; url: URL }) => route === "POST /v1/jobs" && !url.searchParams.has("dry_run");
const TYPO = {
  pointer: "/models/student/model",
  code: "unknown_name",
  message: "there is no model 'resnt8'",
  value: "resnt8",
  allowed: ["resnet8", "resnet20"],
  nearest: ["resnet8"],
};

test("the example is checked as it stands", async () => {
  const { asked } = serve({ "POST /v1/specs/validate": () => VALID });
  show("/jobs/new");
  expect(await screen.findByText("Ready to submit")).toBeTruthy();
  const check = asked.find(({ route }) => route === "POST /v1/specs/validate");
  expect(check?.headers.get("Content-Type")).toBe("application/yaml");
  expect(check?.body).toContain("resnet8");
});

test("each problem is listed with its place and the nearest name, and leads to its line", async () => {
  serve({ "POST /v1/specs/validate": ({ body }) => (body.includes("resnt8") ? { ...VALID, valid: false, problems: [TYPO] } : VALID) });
  show("/jobs/new");
  await writeEditor("version: 1\nname: x\nmodels:\n  student:\n    model: resnt8\n");
  const entry = await screen.findByRole("button", { name: /resnt8/ });
  expect(entry.textContent).toContain("/models/student/model");
  expect(entry.textContent).toContain("did you mean resnet8?");
  await userEvent.click(entry);
  const { state } = await findEditor();
  expect(state.sliceDoc(state.selection.main.from, state.selection.main.to)).toBe("resnt8");
});

test("a text that is no document is a problem like any other", async () => {
  const unreadable = { ...TYPO, pointer: "", message: "the spec is neither YAML nor JSON", value: null, allowed: null, nearest: [] };
  serve({ "POST /v1/specs/validate": () => problem(422, "spec_invalid", "unreadable", [unreadable]) });
  show("/jobs/new");
  expect(await screen.findByText("the spec is neither YAML nor JSON")).toBeTruthy();
  expect(screen.getByTestId("spec-problems").dataset.verdict).toBe("invalid");
});

test("a submitted spec leads to its job", async () => {
  const job = aJobDetail();
  const { asked } = serve({
    "POST /v1/specs/validate": () => VALID,
    "POST /v1/jobs": () => Response.json(job, { status: 201 }),
    [`GET /v1/jobs/${job.id}`]: () => job,
  });
  show("/jobs/new");
  await userEvent.click(screen.getByTestId("spec-submit"));
  await vi.waitFor(() => expect(location.pathname).toBe(`/jobs/${job.id}`));
  const sent = asked.filter(isSubmission);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
});

test("the same text submitted again after a failure carries the same key", async () => {
  const { asked } = serve({
    "POST /v1/specs/validate": () => VALID,
    "POST /v1/jobs": () => problem(503, "unready", "the database is away"),
  });
  show("/jobs/new");
  await userEvent.click(screen.getByTestId("spec-submit"));
  await screen.findByText("the database is away");
  await userEvent.click(screen.getByTestId("spec-submit"));
  const keysSent = () => asked.filter(isSubmission).map(({ headers }) => headers.get("Idempotency-Key"));
  await vi.waitFor(() => expect(keysSent()).toHaveLength(2));
  expect(new Set(keysSent()).size).toBe(1);
});

test("what the server refuses at submission is listed too", async () => {
  serve({
    "POST /v1/specs/validate": () => VALID,
    "POST /v1/jobs": () => problem(422, "spec_invalid", "1 problem", [TYPO]),
  });
  show("/jobs/new");
  await userEvent.click(screen.getByTestId("spec-submit"));
  expect(await screen.findByRole("button", { name: /there is no model 'resnt8'/ })).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("there is no model 'resnt8'");
});

test("another job's spec can be taken as a start", async () => {
  const job = aJobDetail({ spec: { version: 1, name: "taken over" } });
  serve({ "POST /v1/specs/validate": () => VALID, [`GET /v1/jobs/${job.id}`]: () => job, "GET /v1/jobs": () => list([]) });
  show(`/jobs/new?from=${job.id}`);
  await vi.waitFor(async () => expect(await readEditor()).toBe("version: 1\nname: taken over\n"));
  expect(location.search).toBe("");
  expect(screen.getByText(/A copy of the spec of/).textContent).toContain(job.name);
});

test("what the form changes stands in the text, and what the text says stands in the form", async () => {
  serve();
  show("/jobs/new");
  const epochs = await screen.findByLabelText("epochs");
  expect((epochs as HTMLInputElement).value).toBe("10");
  await userEvent.clear(epochs);
  await userEvent.type(epochs, "25");
  await vi.waitFor(async () => expect(await readEditor()).toContain("epochs: 25"));
  await writeEditor((await readEditor()).replace("epochs: 25", "epochs: 7"));
  await vi.waitFor(() => expect((screen.getByLabelText("epochs") as HTMLInputElement).value).toBe("7"));
});

test("a field that is emptied leaves the text, so that its default holds", async () => {
  serve();
  show("/jobs/new");
  await userEvent.clear(await screen.findByLabelText("epochs"));
  await vi.waitFor(async () => expect(await readEditor()).not.toContain("epochs"));
  expect((screen.getByLabelText("epochs") as HTMLInputElement).placeholder).toBe("240");
});

test("another recipe and another data set are chosen by name", async () => {
  serve();
  show("/jobs/new");
  fireEvent.change(await screen.findByTestId("recipe-choice"), { target: { value: "fitnet" } });
  expect(await screen.findByLabelText("hint epochs")).toBeTruthy();
  fireEvent.change(screen.getByTestId("dataset-choice"), { target: { value: "mnist" } });
  await vi.waitFor(async () => expect(await readEditor()).toContain("dataset: mnist"));
  expect(await readEditor()).not.toContain("dataset: digits");
});

test("while the text cannot be read the form keeps what it showed, and waits", async () => {
  serve();
  show("/jobs/new");
  const epochs = await screen.findByLabelText("epochs");
  await writeEditor("models: {student: [");
  expect((await screen.findByText("The form waits for the text")).closest("[role=status]")?.textContent).toContain("line 1");
  expect(epochs.closest("[inert]")).toBeTruthy();
  await writeEditor("version: 1\nname: whole again\n");
  await vi.waitFor(() => expect((screen.getByLabelText("name") as HTMLInputElement).value).toBe("whole again"));
  expect(screen.queryByText("The form waits for the text")).toBeNull();
});

test("a part with options of its own is a group of fields; emptied, it is gone", async () => {
  serve();
  show("/jobs/new");
  const [ratio] = await screen.findAllByLabelText(/^ratio/);
  const before = await readEditor();
  await userEvent.type(ratio!, "0.25");
  await vi.waitFor(async () => expect(await readEditor()).toMatch(/hold_out:\s*\{?\s*ratio: 0.25/));
  expect(ratio!.closest("details")?.open).toBe(true);
  await userEvent.clear(ratio!);
  await vi.waitFor(async () => expect(await readEditor()).toBe(before));
});

test("a problem stands at its field too", async () => {
  const wrong = { ...TYPO, pointer: "/recipe/params/epochs", message: "at least 1", nearest: [] };
  serve({ "POST /v1/specs/validate": () => ({ ...VALID, valid: false, problems: [wrong] }) });
  show("/jobs/new");
  const field = await screen.findByLabelText("epochs");
  await vi.waitFor(() => expect(field.getAttribute("aria-invalid")).toBe("true"));
  expect(document.getElementById(field.getAttribute("aria-describedby")!)?.textContent).toContain("at least 1");
});

test("the shape is checked before the server has answered", async () => {
  serve({ "POST /v1/specs/validate": () => new Promise(() => {}) as never });
  show("/jobs/new");
  await writeEditor("version: 1\nname: x\nbogus: 1\n");
  expect(await screen.findByRole("button", { name: /there is no field 'bogus'/ })).toBeTruthy();
});

test("a valid spec is told what it would take", async () => {
  serve();
  show("/jobs/new");
  const panel = await screen.findByTestId("dry-run");
  await vi.waitFor(() => expect(panel.textContent).toContain("1 min 1 s to 1 min 35 s"));
  expect(panel.textContent).toContain("240 on 15360 samples");
  expect(panel.textContent).toContain("place 2");
  expect(panel.textContent).toContain("stored already");
  expect(panel.textContent).toContain("written out");
});

test("with a control two jobs are submitted, the second without a teacher and with the first one's id", async () => {
  const job = aJobDetail();
  const resolved = {
    version: 1,
    models: { teacher: { model: "resnet20" }, student: { model: "resnet8" } },
    stages: [{ name: "distil", student: "student", teachers: ["teacher"], epochs: 10, objective: {} }],
  };
  const { asked } = serve({
    "POST /v1/specs/validate": () => ({ ...VALID, resolved_spec: resolved }),
    "POST /v1/jobs": () => Response.json(job, { status: 201 }),
    [`GET /v1/jobs/${job.id}`]: () => job,
  });
  show("/jobs/new");
  await userEvent.click(await screen.findByTestId("with-control"));
  await userEvent.click(screen.getByTestId("spec-submit"));
  await vi.waitFor(() => expect(location.pathname).toBe(`/jobs/${job.id}`));
  const [first, second] = asked.filter(isSubmission);
  expect(first?.body).toContain("recipe:");
  const control = JSON.parse(second!.body);
  expect(control.labels).toEqual({ control_of: job.id });
  expect(Object.keys(control.spec.models)).toEqual(["student"]);
  expect(control.spec.stages[0].objective).toEqual({ ce: { method: "ce" } });
});

test("who may not submit is told which scope that needs", async () => {
  serve({ "GET /v1/session": () => ({ object: "session", key_id: "key_1", name: "reader", project: null, scopes: ["jobs:read"], csrf_token: null }) });
  show("/jobs/new");
  expect((await screen.findByTestId("needs-scope")).textContent).toContain("jobs:write");
  expect((screen.getByTestId("spec-submit") as HTMLButtonElement).disabled).toBe(true);
});

test("an address that names a recipe starts from it", async () => {
  serve();
  show("/jobs/new?recipe=fitnet");
  await vi.waitFor(async () => expect(await readEditor()).toContain("name: fitnet"));
  expect(location.search).toBe("");
});

test("an uploaded file is named in the spec by the model that should start from it", async () => {
  const upload = { object: "upload", id: "upl_1", project: "default", kind: "weights", name: "w.safetensors", size: 3, offset: 3, state: "complete", created_at: "2026-01-02T03:04:05Z" };
  serve({ "GET /v1/uploads": () => list([]), "POST /v1/uploads": () => ({ ...upload, offset: 0, state: "open" }), "PATCH /v1/uploads/upl_1": () => upload });
  show("/jobs/new");
  await userEvent.click(await screen.findByText("Upload weights or a data set"));
  await userEvent.upload(screen.getByLabelText("file"), new File(["abc"], "w.safetensors"));
  await userEvent.click(screen.getByRole("button", { name: "Upload" }));
  await userEvent.click(await screen.findByRole("button", { name: /^Use for student/ }));
  await vi.waitFor(async () => expect(await readEditor()).toMatch(/weights:[^#]*upload: upl_1/));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: /^Used for student/ }).disabled).toBe(true);
});
