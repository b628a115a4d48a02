/** The shared worker: one for all tabs of the browser. */

import { Hub } from "./Hub";

const hub = new Hub();

addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  hub.connect(port);
  port.start();
});
