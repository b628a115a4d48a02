import { beforeEach, expect, test, vi } from "vitest";

import { FakeEventSource } from "../testing/FakeEventSource";
import { Hub, type TabPort } from "./Hub";
import type { FromTab, ToTab } from "./messages";

class Tab implements TabPort {
  readonly heard: ToTab[] = [];
  onmessage: TabPort["onmessage"] = null;

  constructor(hub: Hub) {
    hub.connect(this);
    this.say({ type: "join" });
  }

  postMessage(message: ToTab): void {
    this.heard.push(message);
  }

  say(data: FromTab): void {
    this.onmessage?.(new MessageEvent("message", { data }));
  }
}

beforeEach(() => {
  vi.stubGlobal("EventSource", FakeEventSource);
  FakeEventSource.opened = [];
});

test("many tabs share one stream, and each hears every hint", () => {
  const hub = new Hub();
  const tabs = Array.from({ length: 8 }, () => new Tab(hub));
  FakeEventSource.latest.onopen?.();
  FakeEventSource.latest.hint({ job_id: "job_1", kind: "event", cursor: 1 });
  expect(FakeEventSource.opened).toHaveLength(1);
  for (const tab of tabs) expect(tab.heard.at(-1)).toMatchObject({ type: "hint", hint: { job_id: "job_1" } });
});

test("a tab that comes later is told how the stream stands", () => {
  const hub = new Hub();
  new Tab(hub);
  FakeEventSource.latest.onopen?.();
  expect(new Tab(hub).heard).toEqual([{ type: "live", isLive: true }]);
});

test("the stream is closed with the last tab, and opened by the next", () => {
  const hub = new Hub();
  const [first, second] = [new Tab(hub), new Tab(hub)];
  first.say({ type: "leave" });
  expect(FakeEventSource.latest.isClosed).toBe(false);
  second.say({ type: "leave" });
  expect(FakeEventSource.latest.isClosed).toBe(true);
  new Tab(hub);
  expect(FakeEventSource.opened).toHaveLength(2);
});
