/** The whole log of an attempt as a file: put together here, since the server hands it out in pieces. */

import { fetchChunk, type LogPlace } from "./logQuery";

const PIECE_BYTES = 1024 * 1024;

export async function downloadLog(place: LogPlace): Promise<void> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let next = 0;
  let size = 1;
  while (next < size) {
    const chunk = await fetchChunk(place, { offset: next, limit: PIECE_BYTES });
    if (chunk.bytes.length === 0) break;
    pieces.push(chunk.bytes);
    ({ next, size } = chunk);
  }
  const { id, attempt, node } = place;
  offerFile(new Blob(pieces, { type: "text/plain" }), `${id}-attempt-${attempt}${node ? `-node-${node}` : ""}.log`);
}

function offerFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
