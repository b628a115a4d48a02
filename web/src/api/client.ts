/** One way to ask the server, and one kind of error. */

import type { ProblemDocument } from "./types";

const TIMEOUT_MS = 20_000;
const SAFE_METHODS = new Set(["GET", "HEAD"]);

let csrfToken: string | null = null;

/** Remember what the session's writes must carry. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

export type Params = Record<string, string | number | readonly string[] | null | undefined>;

/** The server refused, or did not answer at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: ProblemDocument,
  ) {
    super(problem.detail ?? problem.title);
    this.name = "ApiError";
  }
}

/** Return `path` with its query; empty values are left out, lists are repeated. */
export function buildUrl(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    for (const item of typeof value === "object" ? value : [value]) query.append(key, String(item));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Ask the server; throws ApiError for every answer that is not a success. */
export async function request(url: string, init: RequestInit = {}, timeoutMs: number = TIMEOUT_MS): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers: withToken(init), signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, { title: "The server does not answer.", status: 0, code: "unreachable" });
  }
  if (!response.ok) throw new ApiError(response.status, await readProblem(response));
  return response;
}

function withToken(init: RequestInit): Headers {
  const headers = new Headers(init.headers);
  if (csrfToken && !SAFE_METHODS.has(init.method ?? "GET")) headers.set("X-CSRF-Token", csrfToken);
  return headers;
}

export async function getJson<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await request(buildUrl(path, params), { headers: { Accept: "application/json" }, signal: signal ?? null });
  return (await response.json()) as T;
}

export async function postText<T>(path: string, body: string, headers: Record<string, string> = {}): Promise<T> {
  const response = await request(path, { method: "POST", body, headers });
  return (await response.json()) as T;
}

/** Send data, or nothing, with a method of one's own; an answer without content is null. */
export async function sendJson<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await request(path, { method, ...init });
  return (response.status === 204 ? null : await response.json()) as T;
}

async function readProblem(response: Response): Promise<ProblemDocument> {
  const fallback = { title: response.statusText || `HTTP ${response.status}`, status: response.status, code: "http_error" };
  try {
    return { ...fallback, ...((await response.json()) as Partial<ProblemDocument>) };
  } catch {
    return fallback;
  }
}
