/** Files that people send: the list of them, and one piece after the other. */

import { infiniteQueryOptions } from "@tanstack/react-query";

import { getJson, request, sendJson } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../api/types";

type Schemas = components["schemas"];
export type Upload = Schemas["UploadView"];
export type UploadKind = "weights" | "dataset";

export const UPLOADS = ["uploads"] as const;
const UPLOADS_PER_PAGE = 50;
const PIECE_TIMEOUT_MS = 600_000; // with the last piece the server reads the whole file
const BYTES = "application/octet-stream";

interface Announced {
  kind: UploadKind;
  name: string;
  size: number;
  sha256: string;
}

export function uploadsQuery() {
  return infiniteQueryOptions({
    queryKey: UPLOADS,
    queryFn: ({ pageParam, signal }) => getJson<Page<Upload>>("/v1/uploads", { limit: UPLOADS_PER_PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.has_more ? page.last_id : null),
  });
}

/** The newest upload of the very same file in a project, whole or on its way; nothing where there is none. */
export async function findUpload({ kind, size, sha256 }: Omit<Announced, "name">, project: string, signal: AbortSignal): Promise<Upload | undefined> {
  let after: string | null = null;
  do {
    const page: Page<Upload> = await getJson("/v1/uploads", { limit: UPLOADS_PER_PAGE, after }, signal);
    const found = page.data.find((each) => each.project === project && each.kind === kind && each.size === size && each.sha256 === sha256);
    if (found) return found;
    after = (page.has_more && page.last_id) || null;
  } while (after !== null);
  return undefined;
}

export function announceUpload(announced: Announced): Promise<Upload> {
  return sendJson("POST", "/v1/uploads", announced);
}

export function readUpload(id: string, signal: AbortSignal): Promise<Upload> {
  return getJson(`/v1/uploads/${id}`, {}, signal);
}

export async function sendPiece(id: string, offset: number, piece: Blob, signal: AbortSignal): Promise<Upload> {
  const headers = { "Content-Type": BYTES, "Upload-Offset": String(offset) };
  const response = await request(`/v1/uploads/${id}`, { method: "PATCH", body: piece, headers, signal }, PIECE_TIMEOUT_MS);
  return (await response.json()) as Upload;
}

export function removeUpload(id: string): Promise<unknown> {
  return sendJson("DELETE", `/v1/uploads/${id}`);
}
