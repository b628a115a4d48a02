import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { aJobDetail } from "../testing/jobs";
import { list, problem, serve } from "../testing/serve";
import { show } from "../testing/show";

const VALID = { valid: true, problems: [], resolved_spec: {} };
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
  expect(asked[0]?.headers.get("Content-Type")).toBe("application/yaml");
  expect(asked[0]?.body).toContain("resnet8");
});

test("each problem is listed with its place and the nearest name, and leads to its line", async () => {
  serve({ "POST /v1/specs/validate": ({ body }) => (body.includes("resnt8") ? { ...VALID, valid: false, problems: [TYPO] } : VALID) });
  show("/jobs/new");
  const input = screen.getByTestId<HTMLTextAreaElement>("spec-input");
  fireEvent.change(input, { target: { value: "version: 1\nmodels:\n  student:\n    model: resnt8\n" } });
  const entry = await screen.findByRole("button", { name: /resnt8/ });
  expect(entry.textContent).toContain("/models/student/model");
  expect(entry.textContent).toContain("did you mean resnet8?");
  await userEvent.click(entry);
  expect(input.value.slice(input.selectionStart, input.selectionEnd)).toBe("    model: resnt8");
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
  const sent = asked.filter(({ route }) => route === "POST /v1/jobs");
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
  const keysSent = () => asked.filter(({ route }) => route === "POST /v1/jobs").map(({ headers }) => headers.get("Idempotency-Key"));
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
  expect(await screen.findByText("there is no model 'resnt8'")).toBeTruthy();
});

test("another job's spec can be taken as a start", async () => {
  const job = aJobDetail({ spec: { version: 1, name: "taken over" } });
  serve({ "POST /v1/specs/validate": () => VALID, [`GET /v1/jobs/${job.id}`]: () => job, "GET /v1/jobs": () => list([]) });
  show(`/jobs/new?from=${job.id}`);
  await vi.waitFor(() => expect(screen.getByTestId<HTMLTextAreaElement>("spec-input").value).toContain("taken over"));
  expect(location.search).toBe("");
});
