/** Sends a file in pieces; what a cut connection or a closed page left behind is gone on with. */

import { ApiError } from "../api/client";
import { hashFile } from "./hashFile";
import { announceUpload, findUpload, readUpload, sendPiece, type Upload, type UploadKind } from "./queries";

export const PIECE_BYTES = 4 * 2 ** 20;
const PAUSES_MS = [1_000, 2_000, 5_000, 10_000, 20_000];
const CONFLICT = 409;

export interface Progress {
  step: "hashing" | "sending";
  ratio: number;
}

export interface Sending {
  file: File;
  kind: UploadKind;
  /** Where the key works: an upload serves the jobs of its own project. */
  project: string;
}

/** Return the upload once it is whole; the same file sent before is not sent again. */
export async function sendFile({ file, kind, project }: Sending, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Upload> {
  if (file.size === 0) throw new Error(`“${file.name}” is empty: there is nothing to send.`);
  const sha256 = await hashFile(file, (ratio) => onProgress({ step: "hashing", ratio }), signal);
  const announced = { kind, size: file.size, sha256 };
  let upload = (await findUpload(announced, project, signal)) ?? (await announceUpload({ ...announced, name: file.name }));
  let numFailures = 0;
  while (upload.state !== "complete") {
    onProgress({ step: "sending", ratio: upload.offset / upload.size });
    try {
      upload = await sendPiece(upload.id, upload.offset, file.slice(upload.offset, upload.offset + PIECE_BYTES), signal);
      numFailures = 0;
    } catch (error) {
      const pauseMs = PAUSES_MS[numFailures++];
      if (!isPassing(error) || pauseMs === undefined) throw error;
      await rest(pauseMs, signal);
      upload = await readUpload(upload.id, signal).catch(() => upload);
    }
  }
  onProgress({ step: "sending", ratio: 1 });
  return upload;
}

/** No answer, a server in trouble, too many requests, or another offset than one thought: worth another try. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 0 || error.status === CONFLICT || error.status === 429 || error.status >= 500;
}

function rest(pauseMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, pauseMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
