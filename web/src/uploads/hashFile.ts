/** The sha256 of a file by a worker, or here where there are none. */

import { hashBlob } from "./hashBlob";

export type FromHasher = { type: "progress"; ratio: number } | { type: "hash"; sha256: string } | { type: "error"; reason: string };

export async function hashFile(file: File, onProgress: (ratio: number) => void, signal: AbortSignal): Promise<string> {
  if (typeof Worker === "undefined") return hashBlob(file, onProgress);
  const worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      worker.onerror = () => reject(new Error("The browser could not start what computes the sha256."));
      worker.onmessage = ({ data }: MessageEvent<FromHasher>) => {
        if (data.type === "progress") onProgress(data.ratio);
        else if (data.type === "hash") resolve(data.sha256);
        else reject(new Error(`“${file.name}” could not be read: ${data.reason}`));
      };
      worker.postMessage(file);
    });
  } finally {
    worker.terminate();
  }
}
