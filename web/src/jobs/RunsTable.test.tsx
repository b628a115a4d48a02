import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import type { Job } from "../api/types";
import { aJob } from "../testing/jobs";
import { list, problem, serve, type Answer } from "../testing/serve";
import { show } from "../testing/show";

const three: Job[] = ["a", "b", "c"].map((name, index) => aJob({ id: `job_${index}`, name, labels: index ? {} : { team: "vision" } }));

function open(address = "/", more: Record<string, Answer> = {}) {
  const served = serve({ "GET /v1/jobs": () => list(three), "GET /v1/views": () => list([]), ...more });
  show(address);
  return served;
}

const row = async (name: string) => (await screen.findByRole("link", { name })).closest("tr")!;
const chosen = () => screen.queryAllByTestId("job-row").flatMap((each) => (within(each).getByRole<HTMLInputElement>("checkbox").checked ? [each.dataset.job] : []));

test("the address chooses columns, order and filters, and the server is asked for them", async () => {
  const { asked } = open("/?cols=metric:val/accuracy+label:team&sort=-metric:val/accuracy&label.team=vision&method=kd", {
    "GET /v1/jobs": () => list([aJob({ name: "a", labels: { team: "vision" }, metrics: { "val/accuracy": 0.5 } })]),
  });
  expect((await row("a")).textContent).toContain("50.00 %vision");
  const query = asked.find(({ route }) => route === "GET /v1/jobs")!.url.searchParams;
  expect(Object.fromEntries(query)).toMatchObject({ metrics: "val/accuracy", sort: "-metric:val/accuracy", "label.team": "vision", method: "kd" });
  await userEvent.click(screen.getByRole("button", { name: "Take off: team = vision" }));
  expect(location.search).not.toContain("label.team");
});

test("a click on a title sorts, another one turns the order round", async () => {
  open();
  await row("a");
  await userEvent.click(screen.getByRole("button", { name: /Test accuracy/ }));
  expect(location.search).toBe("?sort=-metric%3Atest%2Faccuracy");
  await vi.waitFor(() => expect(screen.getByRole("columnheader", { name: /Test accuracy/ }).getAttribute("aria-sort")).toBe("descending"));
  await userEvent.click(screen.getByRole("button", { name: /Test accuracy/ }));
  expect(location.search).toBe("?sort=metric%3Atest%2Faccuracy");
});

test("a column is added, moved and removed", async () => {
  open("/?cols=state", { "GET /v1/compare": () => ({ figures: [{ key: "test/nll" }], metrics: [{ key: "train/loss" }] }) });
  await row("a");
  await userEvent.click(screen.getByRole("button", { name: "Columns" }));
  await userEvent.selectOptions(screen.getByRole("combobox"), await screen.findByRole("option", { name: "Test NLL" }));
  expect(new URLSearchParams(location.search).get("cols")).toBe("state figure:test/nll");
  await userEvent.click(screen.getByRole("button", { name: "Move Test NLL to the left" }));
  expect(new URLSearchParams(location.search).get("cols")).toBe("figure:test/nll state");
  await userEvent.click(screen.getByRole("button", { name: "Remove State" }));
  expect(new URLSearchParams(location.search).get("cols")).toBe("figure:test/nll");
  await userEvent.keyboard("{Escape}");
  expect(screen.queryByRole("combobox")).toBeNull();
});

test("jobs are chosen with the mouse, ranges with Shift, and compared", async () => {
  const user = userEvent.setup();
  open();
  await user.click(within(await row("a")).getByRole("checkbox"));
  await user.keyboard("{Shift>}");
  await user.click(within(await row("c")).getByRole("checkbox"));
  await user.keyboard("{/Shift}");
  expect(chosen()).toEqual(["job_0", "job_1", "job_2"]);
  expect(screen.getByRole("link", { name: "Compare" }).getAttribute("href")).toBe("/compare?ids=job_0,job_1,job_2");
  await user.click(screen.getByRole("button", { name: "choose none" }));
  expect(chosen()).toEqual([]);
});

test("the keyboard goes from row to row and chooses", async () => {
  open();
  (await screen.findByRole("link", { name: "a" })).focus();
  await userEvent.keyboard("{ArrowDown}");
  expect(document.activeElement?.textContent).toBe("b");
  await userEvent.keyboard(" ");
  expect(chosen()).toEqual(["job_1"]);
  await userEvent.keyboard("{Shift>}{ArrowDown}{/Shift}");
  expect(chosen()).toEqual(["job_1", "job_2"]);
  expect(document.activeElement?.textContent).toBe("c");
  await userEvent.keyboard("{Home}");
  expect(document.activeElement?.textContent).toBe("a");
  await userEvent.keyboard("{Escape}");
  expect(chosen()).toEqual([]);
  await userEvent.keyboard("{Control>}a{/Control}");
  expect(chosen()).toHaveLength(3);
});

test("the chosen jobs are cancelled after a second word, and a refusal is told", async () => {
  const { asked } = open("/", {
    "POST /v1/jobs/job_0/cancel": () => aJob({ state: "cancelling" }),
    "POST /v1/jobs/job_1/cancel": () => problem(409, "move_refused", "it is over already"),
  });
  for (const name of ["a", "b"]) await userEvent.click(within(await row(name)).getByRole("checkbox"));
  await userEvent.click(screen.getByRole("button", { name: "Cancel 2" }));
  expect(asked.filter(({ route }) => route.includes("cancel"))).toHaveLength(0);
  await userEvent.click(screen.getByRole("button", { name: "Really cancel 2?" }));
  expect((await screen.findByRole("alert")).textContent).toContain("1 could not be cancelled: it is over already");
  expect(asked.filter(({ route }) => route.includes("cancel")).map(({ route }) => route)).toHaveLength(2);
});

test("labels are set on all chosen jobs and taken off those that have them", async () => {
  const { asked } = open("/", { "PATCH /v1/jobs/job_0": () => aJob(), "PATCH /v1/jobs/job_1": () => aJob() });
  for (const name of ["a", "b"]) await userEvent.click(within(await row(name)).getByRole("checkbox"));
  await userEvent.click(screen.getByRole("button", { name: "Labels" }));
  await userEvent.type(screen.getByLabelText("key"), "paper");
  await userEvent.type(screen.getByLabelText("value"), "two");
  await userEvent.click(screen.getByRole("button", { name: "Set on all chosen" }));
  const sent = () => asked.filter(({ route }) => route.startsWith("PATCH")).map(({ route, body }) => [route.slice(-1), JSON.parse(body).labels]);
  await vi.waitFor(() => expect(sent()).toEqual([["0", { paper: "two" }], ["1", { paper: "two" }]]));
  await userEvent.click(screen.getByRole("button", { name: "Take team: vision off" }));
  await vi.waitFor(() => expect(sent().at(-1)).toEqual(["0", { team: null }]));
});

test("a curve is drawn in each row that has one", async () => {
  const points = [0.9, "NaN", 0.5].map((value, step) => ({ step, value }));
  const { asked } = open("/?cols=spark:train/loss", {
    "POST /v1/metrics:batchGet": () => ({ data: [{ job_id: "job_0", series: [{ key: "train/loss", points }] }], missing: [] }),
  });
  expect((await screen.findByRole("img", { name: "train/loss: from 0.9 to 0.5" })).closest("tr")).toBe(await row("a"));
  expect(JSON.parse(asked.find(({ route }) => route.startsWith("POST"))!.body)).toMatchObject({ job_ids: ["job_0", "job_1", "job_2"], keys: ["train/loss"] });
});

test("views are saved, opened, renamed and deleted on the server", async () => {
  let views = [{ id: "view_1", name: "mine <b>", query: "state=failed" }];
  const { asked } = open("/?sort=name", {
    "GET /v1/views": () => list(views),
    "POST /v1/views": ({ body }) => (views = [...views, { id: "view_2", ...JSON.parse(body) }]),
    "PUT /v1/views/view_1": ({ body }) => (views = [{ id: "view_1", ...JSON.parse(body) }]),
    "DELETE /v1/views/view_1": () => ((views = []), new Response(null, { status: 204 })),
  });
  await row("a");
  await userEvent.click(screen.getByRole("button", { name: "Views" }));
  await screen.findByRole("link", { name: "mine <b>" });
  await userEvent.type(screen.getByLabelText("Save this view as"), "by name");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect((await screen.findByRole("link", { name: "by name" })).getAttribute("aria-current")).toBe("true");
  expect(JSON.parse(asked.find(({ route }) => route === "POST /v1/views")!.body)).toEqual({ name: "by name", query: "sort=name" });
  await userEvent.click(screen.getAllByRole("button", { name: "rename" })[0]!);
  await userEvent.type(screen.getByLabelText("New name"), "!");
  await userEvent.click(screen.getByRole("button", { name: "Rename" }));
  await screen.findByRole("link", { name: "mine <b>!" });
  await userEvent.click(screen.getByRole("button", { name: "delete" }));
  await userEvent.click(screen.getByRole("button", { name: "really?" }));
  await screen.findByText(/under a name/);
});

test("a view that is opened shows what it kept", async () => {
  open("/", { "GET /v1/views": () => list([{ id: "view_1", name: "failures", query: "state=failed&q=kd" }]) });
  await row("a");
  await userEvent.click(screen.getByRole("button", { name: "Views" }));
  await userEvent.click(await screen.findByRole("link", { name: "failures" }));
  expect(location.search).toBe("?state=failed&q=kd");
  expect(screen.getByRole<HTMLInputElement>("searchbox").value).toBe("kd");
  expect(screen.getByRole("button", { name: "failed" }).getAttribute("aria-pressed")).toBe("true");
});

test("of very many jobs only those in sight are drawn", async () => {
  const many = Array.from({ length: 2000 }, (_, index) => aJob({ id: `job_${index}`, name: `job ${index}` }));
  open("/", { "GET /v1/jobs": () => list(many) });
  expect((await screen.findAllByTestId("job-row")).length).toBeLessThan(60);
  expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("2001");
});
