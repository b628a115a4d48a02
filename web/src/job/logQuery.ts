/** Reads a log: its end first, then what is added, each byte once, and what lies before when it is asked for. */

import { queryOptions, type QueryClient } from "@tanstack/react-query";

import { buildUrl, request, type Params } from "../api/client";
import { keys } from "../api/queries";
import { extendLog, prependLog, startLog, startPiece, type LogChunk, type LogLine, type LogText } from "./logText";

const TAIL_BYTES = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;
const EARLIER_BYTES = 1024 * 1024; // the most that the server gives at once

/** Which log: an attempt's, on one of its hosts. */
export interface LogPlace {
  id: string;
  attempt: number;
  node: number;
}

/** The log of one attempt; asked again, it fetches only what is new. */
export function logQuery(place: LogPlace) {
  const queryKey = logKey(place);
  return queryOptions({
    queryKey,
    queryFn: ({ client, signal }) => readOn(place, client.getQueryData<LogText>(queryKey), signal),
    structuralSharing: false,
  });
}

function logKey({ id, attempt, node }: LogPlace) {
  return [...keys.log(id), attempt, node] as const;
}

async function readOn(place: LogPlace, known: LogText | undefined, signal: AbortSignal): Promise<LogText> {
  let log = known ?? startLog(await fetchChunk(place, { tail: TAIL_BYTES }, signal));
  let isBehind = known !== undefined;
  while (isBehind) {
    const chunk = await fetchChunk(place, { offset: log.next, limit: CHUNK_BYTES }, signal);
    log = extendLog(log, chunk);
    isBehind = chunk.bytes.length > 0 && log.next < log.size;
  }
  return log;
}

/**
 * Read what lies before, piece by piece, until a piece is enough or `most` bytes are read; shown at once at the end,
 * since each change of a long text is a walk through all of it.
 */
export async function readEarlier(client: QueryClient, place: LogPlace, most: number, isEnough: (lines: readonly LogLine[]) => boolean): Promise<void> {
  const known = client.getQueryData<LogText>(logKey(place));
  if (!known) return;
  const pieces: LogText[] = [];
  let end = known.start;
  while (end > 0 && known.start - end < most && !(pieces[0] && isEnough(pieces[0].lines))) {
    const offset = Math.max(0, end - EARLIER_BYTES);
    const piece = startPiece(await fetchChunk(place, { offset, limit: end - offset }), end);
    pieces.unshift(piece);
    end = piece.start;
  }
  client.setQueryData<LogText>(logKey(place), (now) => now && prependLog(now, pieces));
}

/** Ask for a piece of a log, by offset or from its end. */
export async function fetchChunk({ id, attempt, node }: LogPlace, params: Params, signal?: AbortSignal): Promise<LogChunk> {
  const asked = { attempt, node: node || null, ...params };
  const response = await request(buildUrl(`/v1/jobs/${id}/logs`, asked), { signal: signal ?? null });
  const read = (name: string) => Number(response.headers.get(`Stillhouse-${name}`));
  return {
    attempt: read("Attempt"),
    offset: read("Offset"),
    next: read("Next-Offset"),
    size: read("Size"),
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}
