import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { FakeEventSource } from "../testing/FakeEventSource";
import { choosePause, HintSource } from "./HintSource";

const heard: unknown[] = [];
let source: HintSource;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeEventSource);
  FakeEventSource.opened = [];
  heard.length = 0;
  source = new HintSource({ onHint: (hint) => heard.push(hint), onLive: (isLive) => heard.push(isLive) });
  source.start();
});

afterEach(() => {
  source.stop();
  vi.useRealTimers();
});

test("hints are handed on as they come", () => {
  FakeEventSource.latest.onopen?.();
  FakeEventSource.latest.hint({ job_id: "job_1", kind: "log", cursor: 3 });
  expect(heard).toEqual([true, { job_id: "job_1", kind: "log", cursor: 3 }]);
});

test("a lost stream is told at once and opened again after a pause", () => {
  FakeEventSource.latest.onopen?.();
  FakeEventSource.latest.onerror?.();
  expect(heard).toEqual([true, false]);
  expect(FakeEventSource.latest.isClosed).toBe(true);
  vi.advanceTimersByTime(700);
  expect(FakeEventSource.opened).toHaveLength(1);
  vi.advanceTimersByTime(400);
  expect(FakeEventSource.opened).toHaveLength(2);
});

test("the pauses grow while nothing answers, and stay bounded", () => {
  expect(choosePause(0)).toBeGreaterThanOrEqual(750);
  expect(choosePause(3)).toBeGreaterThanOrEqual(6_000);
  expect(choosePause(50)).toBeLessThanOrEqual(10_000);
});

test("a stopped source stays closed", () => {
  FakeEventSource.latest.onerror?.();
  source.stop();
  vi.advanceTimersByTime(60_000);
  expect(FakeEventSource.opened).toHaveLength(1);
});
