/** The sha256 of a file, read in pieces. */

import { Sha256 } from "./sha256";

const PIECE_BYTES = 2 ** 20;

export async function hashBlob(blob: Blob, onProgress: (ratio: number) => void): Promise<string> {
  const hash = new Sha256();
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer()));
    onProgress(Math.min(1, (at + PIECE_BYTES) / blob.size));
  }
  return hash.digest();
}
