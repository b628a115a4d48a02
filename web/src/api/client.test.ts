import { expect, test, vi } from "vitest";

import { ApiError, buildUrl, getJson, request } from "./client";
import { problem, serve } from "../testing/serve";

test("empty parameters are left out and lists are repeated", () => {
  expect(buildUrl("/v1/jobs", { state: null, q: "", limit: 5 })).toBe("/v1/jobs?limit=5");
  expect(buildUrl("/x", { key: ["train/loss", "val/nll"] })).toBe("/x?key=train%2Floss&key=val%2Fnll");
  expect(buildUrl("/x")).toBe("/x");
});

test("a refusal becomes an error with the server's problem", async () => {
  serve({ "GET /v1/jobs": () => problem(422, "query_invalid", "limit is too large") });
  await expect(getJson("/v1/jobs")).rejects.toMatchObject({ status: 422, message: "limit is too large" });
});

test("a refusal that is no JSON still has a title", async () => {
  serve({ "GET /x": () => new Response("<html>", { status: 502, statusText: "Bad Gateway" }) });
  await expect(request("/x")).rejects.toMatchObject({ status: 502, problem: { title: "Bad Gateway" } });
});

test("a server that does not answer is an error of status 0", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(request("/x")).rejects.toBeInstanceOf(ApiError);
  await expect(request("/x")).rejects.toMatchObject({ status: 0 });
});
