/** A server at the other end of fetch: answers by method and path, and remembers what it was asked. */

import { vi } from "vitest";

export type Answer = (request: { url: URL; body: string; headers: Headers }) => Response | object;

export interface Asked {
  route: string;
  url: URL;
  body: string;
  headers: Headers;
}

/** Answer `METHOD /path` as the table says; everything else is a 404 problem. */
export function serve(routes: Record<string, Answer>): { asked: Asked[] } {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
    const url = new URL(path, "http://stillhouse.test");
    const route = `${init.method ?? "GET"} ${url.pathname}`;
    const request = { url, body: String(init.body ?? ""), headers: new Headers(init.headers) };
    asked.push({ route, ...request });
    const answer = routes[route]?.(request) ?? problem(404, "not_found", `nothing at ${route}`);
    return answer instanceof Response ? answer : Response.json(answer);
  });
  return { asked };
}

export function list<T>(data: T[], more: { last_id?: string; has_more?: boolean } = {}): object {
  return { object: "list", data, first_id: null, last_id: null, has_more: false, ...more };
}

export function problem(status: number, code: string, detail: string, errors: object[] = []): Response {
  return Response.json({ title: code, status, code, detail, errors }, { status });
}
