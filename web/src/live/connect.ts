/** A tab's end of the stream: through the shared worker where there is one, else a stream of its own. */

import { HintSource, type HintListener } from "./HintSource";
import type { FromTab, ToTab } from "./messages";

/** Listen to hints until the returned function is called. */
export function connect(listener: HintListener): () => void {
  if (typeof SharedWorker === "undefined") return connectAlone(listener);
  let disconnect = () => {};
  const worker = new SharedWorker(new URL("./hub.worker.ts", import.meta.url), { type: "module", name: "stillhouse" });
  worker.onerror = () => {
    disconnect();
    disconnect = connectAlone(listener);
  };
  disconnect = connectShared(worker.port, listener);
  return () => disconnect();
}

function connectAlone(listener: HintListener): () => void {
  const source = new HintSource(listener);
  source.start();
  return () => source.stop();
}

function connectShared(port: MessagePort, listener: HintListener): () => void {
  const say = (message: FromTab) => port.postMessage(message);
  const leave = () => say({ type: "leave" });
  const rejoin = (event: PageTransitionEvent) => event.persisted && say({ type: "join" });
  port.onmessage = ({ data }: MessageEvent<ToTab>) =>
    data.type === "hint" ? listener.onHint(data.hint) : listener.onLive(data.isLive);
  addEventListener("pageshow", rejoin);
  addEventListener("pagehide", leave);
  say({ type: "join" });
  return () => {
    removeEventListener("pageshow", rejoin);
    removeEventListener("pagehide", leave);
    leave();
    port.close();
  };
}
