/** Shares one stream among the tabs of a browser, which allows six connections to a host and no more. */

import { HintSource } from "./HintSource";
import type { FromTab, ToTab } from "./messages";

/** The part of a MessagePort that the hub uses. */
export interface TabPort {
  postMessage(message: ToTab): void;
  onmessage: ((event: MessageEvent<FromTab>) => void) | null;
}

/** Holds the stream open as long as a tab is there. */
export class Hub {
  private readonly ports = new Set<TabPort>();
  private readonly source = new HintSource({
    onHint: (hint) => this.tell({ type: "hint", hint }),
    onLive: (isLive) => this.tell({ type: "live", isLive }),
  });

  connect(port: TabPort): void {
    port.onmessage = ({ data }) => (data.type === "join" ? this.join(port) : this.leave(port));
  }

  private join(port: TabPort): void {
    this.ports.add(port);
    this.source.start();
    port.postMessage({ type: "live", isLive: this.source.isLive });
  }

  private leave(port: TabPort): void {
    this.ports.delete(port);
    if (this.ports.size === 0) this.source.stop();
  }

  private tell(message: ToTab): void {
    for (const port of this.ports) port.postMessage(message);
  }
}
