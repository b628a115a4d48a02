import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { list, problem, serve } from "../testing/serve";
import { show } from "../testing/show";
import type { Delivery, Key, Project, Webhook } from "./queries";

const TIME = "2026-01-02T03:04:05Z";
const READER = { object: "session", key_id: "key_1", name: "reader", project: null, scopes: ["jobs:read"], csrf_token: null };

function aKey(changes: Partial<Key> = {}): Key {
  return {
    object: "api_key",
    id: "key_01",
    name: "laptop",
    prefix: "sh_abc",
    scopes: ["jobs:read"],
    project: null,
    created_at: TIME,
    created_by: null,
    expires_at: null,
    last_used_at: null,
    revoked_at: null,
    ...changes,
  };
}

function aWebhook(changes: Partial<Webhook> = {}): Webhook {
  return {
    object: "webhook",
    id: "whk_01",
    project: "default",
    url: "https://example.com/hook",
    types: ["job.failed"],
    is_enabled: true,
    disabled_reason: null,
    num_failures: 0,
    created_at: TIME,
    updated_at: TIME,
    ...changes,
  };
}

function aDelivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    object: "delivery",
    id: "msg_01",
    webhook_id: "whk_01",
    event_id: 3,
    type: "job.failed",
    payload: {},
    state: "failed",
    status_code: 500,
    error: null,
    num_attempts: 8,
    duration_ms: 12,
    created_at: TIME,
    finished_at: TIME,
    next_attempt_at: null,
    ...changes,
  };
}

test("a key is made with its scopes, and its secret is shown until it is copied", async () => {
  const { asked } = serve({ "GET /v1/api-keys": () => list([]), "POST /v1/api-keys": () => Response.json({ ...aKey(), secret: "sh_secret" }, { status: 201 }) });
  show("/settings");
  expect(await screen.findByText(/There is no key yet/)).toBeTruthy();
  await userEvent.type(screen.getByLabelText("name"), "laptop");
  await userEvent.type(screen.getByLabelText("project"), "vision");
  await userEvent.selectOptions(screen.getByLabelText("ends"), "after 7 days");
  await userEvent.click(screen.getByRole("checkbox", { name: /jobs:write/ }));
  await userEvent.click(screen.getByRole("button", { name: "Make the key" }));
  const secret = await screen.findByLabelText<HTMLInputElement>("Secret");
  expect(secret.value).toBe("sh_secret");
  const sent = asked.find(({ route }) => route === "POST /v1/api-keys");
  expect(JSON.parse(sent!.body)).toEqual({ name: "laptop", scopes: ["jobs:read", "jobs:write"], project: "vision", expires_in_s: 604800 });
  await userEvent.click(screen.getByRole("button", { name: "I have copied it" }));
  expect(screen.queryByLabelText("Secret")).toBeNull();
});

test("a refused key is told at its field", async () => {
  const wrong = { pointer: "/project", code: "value_invalid", message: "no such name", value: "Ä", allowed: null, nearest: [] };
  serve({ "GET /v1/api-keys": () => list([]), "POST /v1/api-keys": () => problem(422, "body_invalid", "the body is not valid", [wrong]) });
  show("/settings/keys");
  await userEvent.type(await screen.findByLabelText("name"), "x{Enter}");
  expect((await screen.findByRole("alert")).textContent).toContain("/projectno such name");
});

test("revoking takes two clicks", async () => {
  let key = aKey();
  serve({
    "GET /v1/api-keys": () => list([key]),
    "DELETE /v1/api-keys/key_01": () => {
      key = aKey({ revoked_at: TIME });
      return new Response(null, { status: 204 });
    },
  });
  show("/settings/keys");
  const row = await screen.findByTestId("key-row");
  await userEvent.click(within(row).getByRole("button", { name: /^Revoke/ }));
  expect(key.revoked_at).toBeNull();
  await userEvent.click(within(row).getByRole("button", { name: /^Click again/ }));
  expect(await screen.findByText("revoked")).toBeTruthy();
});

test.each([
  ["/settings/keys", "admin"],
  ["/settings/audit", "admin"],
  ["/settings/projects", "admin"],
  ["/settings/webhooks", "jobs:write"],
])("%s tells a reader that it needs %s", async (address, scope) => {
  const { asked } = serve({ "GET /v1/session": () => READER, "GET /v1/projects": () => list([]), "GET /v1/webhooks": () => list([]) });
  show(address);
  expect((await screen.findByTestId("needs-scope")).textContent).toContain(scope);
  expect(asked.every(({ route }) => route.startsWith("GET"))).toBe(true);
});

test("a webhook is made, tested, switched off", async () => {
  let webhook = aWebhook();
  const { asked } = serve({
    "GET /v1/webhooks": () => list(asked.some(({ route }) => route === "POST /v1/webhooks") ? [webhook] : []),
    "POST /v1/webhooks": () => Response.json({ ...webhook, secret: "whsec_1" }, { status: 201 }),
    "POST /v1/webhooks/whk_01/test": () => Response.json(aDelivery({ type: "webhook.test" }), { status: 202 }),
    "PATCH /v1/webhooks/whk_01": ({ body }) => (webhook = aWebhook(JSON.parse(body) as Partial<Webhook>)),
  });
  show("/settings/webhooks");
  await userEvent.type(await screen.findByLabelText("address"), "https://example.com/hook");
  await userEvent.click(screen.getByRole("checkbox", { name: "started" }));
  await userEvent.click(screen.getByRole("button", { name: "Make the webhook" }));
  expect((await screen.findByLabelText<HTMLInputElement>("Secret")).value).toBe("whsec_1");
  const sent = asked.find(({ route }) => route === "POST /v1/webhooks");
  expect(JSON.parse(sent!.body)).toEqual({ url: "https://example.com/hook", types: ["job.succeeded", "job.failed", "job.started"] });
  await userEvent.click(await screen.findByRole("button", { name: "Send a test" }));
  expect(await screen.findByText(/^sent/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Switch off" }));
  expect(await screen.findByText("off")).toBeTruthy();
});

test("the messages of a webhook have an address, and one that failed is sent again", async () => {
  let delivery = aDelivery();
  serve({
    "GET /v1/webhooks": () => list([aWebhook()]),
    "GET /v1/webhooks/whk_01/deliveries": () => list([delivery]),
    "POST /v1/webhooks/whk_01/deliveries/msg_01/redeliver": () => Response.json((delivery = aDelivery({ state: "pending", status_code: null })), { status: 202 }),
  });
  show("/settings/webhooks/whk_01");
  const row = await screen.findByTestId("delivery");
  expect(row.textContent).toContain("500");
  await userEvent.click(within(row).getByRole("button", { name: "Send again" }));
  await vi.waitFor(() => expect(row.textContent).toContain("pending"));
});

test("limits of a project are set and taken away", async () => {
  let project: Project = { object: "project", id: "vision", max_devices: 4, max_queued: null, num_devices: 1, num_queued: 2, created_at: TIME };
  const { asked } = serve({
    "GET /v1/projects": () => list([project]),
    "PUT /v1/projects/vision": ({ body }) => (project = { ...project, ...(JSON.parse(body) as Partial<Project>) }),
  });
  show("/settings/projects");
  await userEvent.clear(await screen.findByLabelText("devices of vision, at most"));
  await userEvent.type(screen.getByLabelText("waiting of vision, at most"), "9{Enter}");
  await vi.waitFor(() => expect(asked.find(({ route }) => route.startsWith("PUT"))?.body).toBe('{"max_devices":null,"max_queued":9}'));
});

test("the audit is narrowed to a key, in the address", async () => {
  const entry = { object: "audit_entry", seq: 1, actor: "key_01", action: "submit", target: "job_01", address: "127.0.0.1", project: null, request_id: null, created_at: TIME };
  const { asked } = serve({ "GET /v1/audit": () => list([entry]) });
  show("/settings/audit");
  await userEvent.click(await screen.findByRole("button", { name: "key_01" }));
  expect(location.search).toBe("?actor=key_01");
  await vi.waitFor(() => expect(asked.at(-1)?.url.searchParams.get("actor")).toBe("key_01"));
});

test("a theme that is chosen holds at once and is kept", async () => {
  serve({});
  show("/settings/appearance");
  await userEvent.click(await screen.findByRole("radio", { name: "Dark" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  expect(localStorage.getItem("stillhouse.theme")).toBe("dark");
  await userEvent.click(screen.getByRole("radio", { name: "As the system has it" }));
  expect(document.documentElement.dataset["theme"]).toBe("light");
  expect(localStorage.getItem("stillhouse.theme")).toBeNull();
});

test("the theme is chosen from every page", async () => {
  serve({});
  show("/nowhere");
  const button = await screen.findByRole("button", { name: "Theme" });
  button.focus();
  await userEvent.keyboard("{Enter}");
  await userEvent.click(screen.getByRole("radio", { name: "Dark" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  expect(localStorage.getItem("stillhouse.theme")).toBe("dark");
  await userEvent.click(screen.getByRole("radio", { name: "As the system has it" }));
  await userEvent.keyboard("{Escape}");
  expect(screen.queryByRole("radio", { name: "Dark" })).toBeNull();
  expect(document.activeElement).toBe(button);
});
