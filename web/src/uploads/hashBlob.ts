/** The sha256 of a file, read in pieces: on plain http browsers have none of their own, and theirs takes no pieces. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const PIECE_BYTES = 2 ** 20;

export async function hashBlob(blob: Blob, onProgress: (ratio: number) => void): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer()));
    onProgress(Math.min(1, (at + PIECE_BYTES) / blob.size));
  }
  return bytesToHex(hash.digest());
}
