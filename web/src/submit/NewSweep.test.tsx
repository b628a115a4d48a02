import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { CATALOG, SCHEMA } from "../testing/components";
import { list, problem, serve as serveRoutes, type Answer } from "../testing/serve";
import { show } from "../testing/show";
import { aSweep, SWEEP_ID } from "../testing/sweeps";
import "./NewJobPage"; // loaded before the clock of the first test runs

const SEED = "/runtime/seed";
const PLAN = { object: "sweep_plan", num_trials: 3, steps: 7200, trials: [0, 1, 2].map((seed) => ({ number: seed + 1, name: `x: seed ${seed}`, values: { [SEED]: seed }, steps: 2400 })) };

/** Answers what the page asks; the plan and the submission are told apart by the address. */
function serve(plan: Answer, submit: Answer = () => problem(404, "not_found", "no submission")) {
  return serveRoutes({
    "GET /v1/components": () => CATALOG,
    "GET /v1/specs/schema": () => SCHEMA,
    "GET /v1/jobs": () => list([]),
    "POST /v1/specs/validate": () => ({ valid: true, problems: [], resolved_spec: {} }),
    "POST /v1/sweeps": (request) => (request.url.searchParams.has("dry_run") ? plan(request) : submit(request)),
    [`GET /v1/sweeps/${SWEEP_ID}`]: () => aSweep(),
  });
}

test("a sweep of the spec at hand is planned, submitted once, and leads to its page", async () => {
  const { asked } = serve(
    () => PLAN,
    () => Response.json(aSweep(), { status: 201 }),
  );
  show("/jobs/new");
  await userEvent.click(await screen.findByTestId("as-sweep"));
  expect(location.search).toBe("?sweep=on");
  await vi.waitFor(() => expect(screen.getByTestId("sweep-plan").textContent).toContain("3 trials, 7,200 steps in all"));
  expect(screen.queryByTestId("dry-run")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Submit the sweep" }));
  await vi.waitFor(() => expect(location.pathname).toBe(`/sweeps/${SWEEP_ID}`));
  const sent = asked.filter(({ route, url }) => route === "POST /v1/sweeps" && !url.searchParams.has("dry_run"));
  expect(sent).toHaveLength(1);
  expect(sent[0]!.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.parse(sent[0]!.body)).toMatchObject({ axes: { [SEED]: { values: [0, 1, 2] } }, search: "grid", metric: "val/accuracy", spec: { version: 1 } });
});

test("axes are added, turned into ranges and taken away; what is missing is said and nothing is asked", async () => {
  const { asked } = serve(() => PLAN);
  show("/jobs/new?sweep=on");
  const card = await screen.findByTestId("sweep-card");
  await userEvent.click(screen.getByRole("button", { name: "Add an axis" }));
  expect(screen.getByTestId("sweep-plan").textContent).toContain("which place of the spec axis 2 is");
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Submit the sweep" }).disabled).toBe(true);
  const second = screen.getByRole("group", { name: "Axis 2" });
  const { getByLabelText, getByRole } = within(second);
  await userEvent.type(getByLabelText(/^place/), "/recipe/params/epochs");
  expect(second.textContent).toContain("now 10");
  await userEvent.click(getByRole("button", { name: "Range" }));
  await userEvent.type(getByLabelText("from"), "1");
  await userEvent.type(getByLabelText("to"), "4");
  await userEvent.click(getByLabelText("whole numbers"));
  await vi.waitFor(() => expect(asked.some(({ body }) => body.includes('"/recipe/params/epochs":{"low":1,"high":4,"is_integer":true,"points":3}'))).toBe(true));
  await userEvent.click(getByRole("button", { name: "Take Axis 2 away" }));
  expect(card.querySelectorAll("[aria-label^='Axis ']")).toHaveLength(1);
});

test("what the server refuses stands with its place", async () => {
  const wrong = { pointer: "/axes/~1runtime~1seed", code: "pointer_unknown", message: "there is no such place in the spec", value: SEED, allowed: null, nearest: [] };
  serve(() => problem(422, "body_invalid", "1 problem", [wrong]));
  show("/jobs/new?sweep=on");
  expect((await screen.findByText("there is no such place in the spec")).closest("[role=alert]")?.textContent).toContain("/axes/~1runtime~1seed");
});

test("a search by chance asks how many, and halving asks how", async () => {
  const { asked } = serve(() => PLAN);
  show("/jobs/new?sweep=on");
  await userEvent.click(await screen.findByRole("button", { name: "By chance" }));
  expect(screen.getByLabelText<HTMLInputElement>("trials").value).toBe("20");
  await userEvent.click(screen.getByLabelText("Stop trials that lag"));
  expect(screen.getByLabelText<HTMLInputElement>("rungs").value).toBe("2");
  await vi.waitFor(() => expect(asked.some(({ body }) => body.includes('"trials":20') && body.includes('"halving":{"factor":3,"rungs":2}'))).toBe(true));
});
