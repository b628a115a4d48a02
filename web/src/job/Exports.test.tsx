import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import { aJobDetail } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import type { Export } from "./exportQueries";
import "./JobPage"; // loaded before the clock of the first test runs

const ID = aJobDetail().id;
const EXPORT = "job_01J9Z3EXPRT000000000000000";

function anArtifact(kind: string, id = `art_${kind}`) {
  const content_url = `/v1/artifacts/${id}/content`;
  return { object: "artifact", id, job_id: ID, attempt: 1, kind, name: `student.${kind}`, size: 100, sha256: "ab".repeat(32), created_at: "2026-01-02T03:05:05Z", content_url };
}

function anExport(changes: Partial<Export> = {}): Export {
  return {
    object: "export",
    id: EXPORT,
    job_id: ID,
    format: "onnx",
    until: null,
    opset: null,
    state: "queued",
    status_reason: null,
    status_message: null,
    artifact_id: null,
    created_at: "2026-01-02T03:05:05Z",
    finished_at: null,
    ...changes,
  };
}

function serveJob(routes: Record<string, Answer>, { artifacts = [anArtifact("student")], scopes = ["jobs:write"], state = "succeeded" } = {}) {
  const job = aJobDetail({ state: state as "succeeded" });
  return serve({
    "GET /v1/session": () => ({ object: "session", name: "me", scopes, csrf_token: "t" }),
    [`GET /v1/jobs/${ID}`]: () => job,
    [`GET /v1/jobs/${ID}/artifacts`]: () => list(artifacts),
    [`GET /v1/jobs/${ID}/checkpoints`]: () => list([]),
    [`GET /v1/jobs/${ID}/exports`]: () => list([]),
    ...routes,
  });
}

test("an export is asked for, watched, and becomes an artifact", async () => {
  const artifacts = [anArtifact("student")];
  let asked: Export[] = [];
  const server = serveJob(
    {
      [`GET /v1/jobs/${ID}/exports`]: () => list(asked),
      [`POST /v1/jobs/${ID}/exports`]: () => (asked = [anExport({ opset: 20, until: "pooled" })])[0]!,
    },
    { artifacts },
  );
  show(`/jobs/${ID}?tab=artifacts`);
  const form = await screen.findByRole("form", { name: "Export the student" });
  await userEvent.type(within(form).getByLabelText("up to"), " pooled ");
  await userEvent.selectOptions(within(form).getByLabelText("operator set"), "20");
  await userEvent.click(within(form).getByRole("button", { name: "Export" }));
  expect((await screen.findByTestId("export")).textContent).toContain("ONNX, operator set 20, up to pooled");
  const sent = server.asked.find(({ route }) => route.startsWith("POST"));
  expect(JSON.parse(sent?.body ?? "")).toEqual({ format: "onnx", until: "pooled", opset: 20 });

  asked = [anExport({ state: "succeeded", artifact_id: "art_onnx" })];
  artifacts.push(anArtifact("onnx"));
  expect(await screen.findByRole("link", { name: "Download student.onnx" })).toBeTruthy();
  expect(screen.queryByTestId("export")).toBeNull();
});

test("a torch.export is asked for without an operator set", async () => {
  const { asked } = serveJob({ [`POST /v1/jobs/${ID}/exports`]: () => anExport({ format: "torch_export", state: "succeeded" }) });
  show(`/jobs/${ID}?tab=artifacts`);
  const form = await screen.findByRole("form", { name: "Export the student" });
  await userEvent.selectOptions(within(form).getByLabelText("operator set"), "20");
  await userEvent.selectOptions(within(form).getByLabelText("form"), "torch_export");
  expect(within(form).queryByLabelText("operator set")).toBeNull();
  await userEvent.click(within(form).getByRole("button", { name: "Export" }));
  expect(await screen.findByText(/is there already/)).toBeTruthy();
  expect(JSON.parse(asked.find(({ route }) => route.startsWith("POST"))?.body ?? "")).toEqual({ format: "torch_export" });
});

test("a failed export says why and can be retried", async () => {
  let state: Export["state"] = "failed";
  const { asked } = serveJob({
    [`GET /v1/jobs/${ID}/exports`]: () => list([anExport({ state, status_message: "<b>no</b> operator" })]),
    [`POST /v1/jobs/${EXPORT}/retry`]: () => aJobDetail({ id: EXPORT, state: (state = "queued") }),
  });
  show(`/jobs/${ID}?tab=artifacts`);
  expect((await screen.findByTestId("export")).textContent).toContain("<b>no</b> operator");
  await userEvent.click(screen.getByRole("button", { name: "Retry the export as ONNX" }));
  expect(await screen.findByRole("button", { name: "Cancel the export as ONNX" })).toBeTruthy();
  expect(asked.some(({ route }) => route === `POST /v1/jobs/${EXPORT}/retry`)).toBe(true);
});

test("a place that the student lacks is refused at its field", async () => {
  const wrong = { pointer: "/until", code: "unknown_name", message: "no such place", value: "poled", allowed: null, nearest: ["pooled"] };
  serveJob({ [`POST /v1/jobs/${ID}/exports`]: () => problem(422, "body_invalid", "the body has 1 problem", [wrong]) });
  show(`/jobs/${ID}?tab=artifacts`);
  await userEvent.click(await screen.findByRole("button", { name: "Export" }));
  expect((await screen.findByRole("alert")).textContent).toMatch(/\/until.*no such place.*"poled".*did you mean pooled/);
});

test.each([
  ["a key that may only read", { scopes: ["jobs:read"] }],
  ["a job that left no student", { artifacts: [] }],
  ["a job that failed", { state: "failed" }],
])("%s is offered no export", async (_, world) => {
  serveJob({}, world);
  show(`/jobs/${ID}?tab=artifacts`);
  expect(await screen.findByText(/None yet. Let a spec ask/)).toBeTruthy();
  expect(screen.queryByRole("form", { name: "Export the student" })).toBeNull();
});
