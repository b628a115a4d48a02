import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";

import { request } from "../api/client";
import { createQueryClient } from "../api/queryClient";
import { problem, serve, type Answer } from "../testing/serve";
import { SessionGate } from "./SessionGate";

const NOBODY = { object: "session", key_id: null, name: null, project: null, scopes: [], csrf_token: null };
const SOMEBODY = { ...NOBODY, key_id: "key_1", name: "local", scopes: ["admin"], csrf_token: "token" };

function open(address: string, routes: Record<string, Answer>) {
  history.replaceState(null, "", address);
  const server = serve(routes);
  render(
    <QueryClientProvider client={createQueryClient()}>
      <SessionGate>inside</SessionGate>
    </QueryClientProvider>,
  );
  return server;
}

test("who is signed in gets in, and writes carry the session's token", async () => {
  const { asked } = open("/", { "GET /v1/session": () => SOMEBODY, "POST /x": () => ({}) });
  await screen.findByText("inside");
  await request("/x", { method: "POST" });
  expect(asked.at(-1)?.headers.get("x-csrf-token")).toBe("token");
});

test("an address with a key signs in and forgets the key", async () => {
  const { asked } = open("/jobs/new?a=1#token=sh_abc-D", { "POST /v1/session": () => SOMEBODY });
  await screen.findByText("inside");
  expect(asked.map(({ route, body }) => [route, body])).toEqual([["POST /v1/session", '{"key":"sh_abc-D"}']]);
  expect(location.pathname + location.search + location.hash).toBe("/jobs/new?a=1");
});

test("a stranger is asked for a key, told when it is wrong, and let in when it is right", async () => {
  const answer: Answer = ({ body }) => (body.includes("sh_right") ? SOMEBODY : problem(401, "key_invalid", "this key is not valid"));
  open("/", { "GET /v1/session": () => NOBODY, "POST /v1/session": answer });
  const field = await screen.findByLabelText("API key");
  await userEvent.type(field, "sh_wrong{Enter}");
  expect((await screen.findByRole("alert")).textContent).toContain("this key is not valid");
  await userEvent.clear(field);
  await userEvent.type(field, "sh_right{Enter}");
  await screen.findByText("inside");
});

test("an address with an old key says so", async () => {
  open("/#token=sh_old", { "POST /v1/session": () => problem(401, "key_invalid", "not valid") });
  expect((await screen.findByRole("alert")).textContent).toContain("not valid any more");
});
