/** Hashes a file beside the page, which stays responsive. */

import { hashBlob } from "./hashBlob";
import type { FromHasher } from "./hashFile";

const say = (message: FromHasher) => postMessage(message);

onmessage = async ({ data }: MessageEvent<Blob>) => {
  try {
    say({ type: "hash", sha256: await hashBlob(data, (ratio) => say({ type: "progress", ratio })) });
  } catch (error) {
    say({ type: "error", reason: error instanceof Error ? error.message : String(error) });
  }
};
