/** Reads a log: its end first, then what is added, each byte once. */

import { queryOptions } from "@tanstack/react-query";

import { buildUrl, request, type Params } from "../api/client";
import { keys } from "../api/queries";
import { extendLog, startLog, type LogChunk, type LogText } from "./logText";

const TAIL_BYTES = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** The log of one attempt; asked again, it fetches only what is new. */
export function logQuery(id: string, attempt: number) {
  const queryKey = [...keys.log(id), attempt];
  return queryOptions({
    queryKey,
    queryFn: ({ client, signal }) => readOn(id, attempt, client.getQueryData<LogText>(queryKey), signal),
    structuralSharing: false,
  });
}

async function readOn(id: string, attempt: number, known: LogText | undefined, signal: AbortSignal): Promise<LogText> {
  let log = known ?? startLog(await fetchChunk(id, { attempt, tail: TAIL_BYTES }, signal));
  let isBehind = known !== undefined;
  while (isBehind) {
    const chunk = await fetchChunk(id, { attempt, offset: log.next, limit: CHUNK_BYTES }, signal);
    log = extendLog(log, chunk);
    isBehind = chunk.bytes.length > 0 && log.next < log.size;
  }
  return log;
}

/** Ask for a piece of a log, by offset or from its end. */
export async function fetchChunk(id: string, params: Params, signal?: AbortSignal): Promise<LogChunk> {
  const response = await request(buildUrl(`/v1/jobs/${id}/logs`, params), { signal: signal ?? null });
  const read = (name: string) => Number(response.headers.get(`Stillhouse-${name}`));
  return {
    attempt: read("Attempt"),
    offset: read("Offset"),
    next: read("Next-Offset"),
    size: read("Size"),
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}
