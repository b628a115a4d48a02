/** Keys, webhooks, projects and the audit. */

import { infiniteQueryOptions } from "@tanstack/react-query";

import { getJson, sendJson } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../api/types";

type Schemas = components["schemas"];
export type Key = Schemas["KeyView"];
export type MintedKey = Schemas["MintedKeyView"];
export type Webhook = Schemas["WebhookView"];
export type NewWebhook = Schemas["NewWebhookView"];
export type Delivery = Schemas["DeliveryView"];
export type Project = Schemas["ProjectView"];
export type AuditEntry = Schemas["AuditView"];

const PER_PAGE = 50;

/** A list that is read page after page. */
export function pagesQuery<T>(path: string, params: Record<string, string> = {}) {
  return infiniteQueryOptions({
    queryKey: ["settings", path, params] as const,
    queryFn: ({ pageParam, signal }) => getJson<Page<T>>(path, { ...params, limit: PER_PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.has_more ? page.last_id : null),
  });
}

export const SETTINGS = ["settings"] as const;

export function makeKey(body: object): Promise<MintedKey> {
  return sendJson("POST", "/v1/api-keys", body);
}

export function revokeKey(id: string): Promise<null> {
  return sendJson("DELETE", `/v1/api-keys/${id}`);
}

export function makeWebhook(body: object): Promise<NewWebhook> {
  return sendJson("POST", "/v1/webhooks", body);
}

export function changeWebhook(id: string, body: object): Promise<Webhook> {
  return sendJson("PATCH", `/v1/webhooks/${id}`, body);
}

export function removeWebhook(id: string): Promise<null> {
  return sendJson("DELETE", `/v1/webhooks/${id}`);
}

export function testWebhook(id: string): Promise<Delivery> {
  return sendJson("POST", `/v1/webhooks/${id}/test`);
}

export function redeliver(webhook: string, delivery: string): Promise<Delivery> {
  return sendJson("POST", `/v1/webhooks/${webhook}/deliveries/${delivery}/redeliver`);
}

export function makeProject(body: object): Promise<Project> {
  return sendJson("POST", "/v1/projects", body);
}

export function limitProject(id: string, body: object): Promise<Project> {
  return sendJson("PUT", `/v1/projects/${id}`, body);
}
