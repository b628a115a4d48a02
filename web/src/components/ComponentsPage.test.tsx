import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import { CATALOG, SCHEMA } from "../testing/components";
import { serve } from "../testing/serve";
import { show } from "../testing/show";

function open(address: string) {
  serve({ "GET /v1/components": () => CATALOG, "GET /v1/specs/schema": () => SCHEMA });
  show(address);
}

test("methods come first, with what they cost", async () => {
  open("/components");
  expect((await screen.findByRole("link", { name: "kd" })).getAttribute("href")).toBe("/components/methods/kd");
  expect(screen.getByRole("table").textContent).toContain("1.00 ×");
});

test("a search is kept in the address and counts in all kinds", async () => {
  open("/components/recipes?q=fitnet");
  expect(await screen.findByRole("link", { name: "fitnet" })).toBeTruthy();
  expect(screen.queryByRole("link", { name: "kd" })).toBeNull();
  expect(screen.getByRole("link", { name: "Methods 0" }).getAttribute("href")).toBe("/components/methods?q=fitnet");
  await userEvent.type(screen.getByRole("searchbox"), "zzz");
  expect(screen.getByText("No recipe has all the words of “fitnetzzz”.")).toBeTruthy();
  expect(location.search).toBe("?q=fitnetzzz");
});

test("a method has an address with paper, formula, use, cost, options and how to write it", async () => {
  open("/components/methods/kd");
  expect((await screen.findByRole("heading", { level: 1 })).textContent).toBe("kd");
  expect(screen.getByText("T^2 KL(t || s)")).toBeTruthy();
  expect(screen.getByText("First of all.")).toBeTruthy();
  expect(screen.getByRole("link", { name: "arxiv.org/abs/1503.02531" }).getAttribute("href")).toBe("https://arxiv.org/abs/1503.02531");
  expect(screen.getByText("a teacher, the same classes in both")).toBeTruthy();
  expect(screen.getByRole("row", { name: /temperature/ }).textContent).toContain("number from 0 to 100");
  expect(screen.getByText(/method: kd/)).toBeTruthy();
});

test("a recipe leads to a job with it, its own options first", async () => {
  open("/components/recipes/fitnet");
  expect((await screen.findByRole("link", { name: "Write a job with it" })).getAttribute("href")).toBe("/jobs/new?recipe=fitnet");
  const [, first] = screen.getAllByRole("row");
  expect(first!.textContent).toContain("hint_epochs");
});

test.each([
  ["/components/methods/nothing", "No method is called “nothing”."],
  ["/components/nothing", "There are no “nothing” here."],
])("%s says that nothing is there", async (address, words) => {
  open(address);
  expect(await screen.findByText(words, { exact: false })).toBeTruthy();
});
