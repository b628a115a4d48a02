import { expect, test } from "vitest";

import { extendLog, readRest, startLog, type LogChunk } from "./logText";

const encoder = new TextEncoder();

function cut(whole: Uint8Array<ArrayBuffer>, offset: number, next: number, attempt = 1): LogChunk {
  return { attempt, offset, next, size: whole.length, bytes: whole.subarray(offset, next) };
}

test("a text cut anywhere reads as if it had come whole", () => {
  const whole = encoder.encode("first\nzweite – ✓\nthird\n");
  for (let middle = 0; middle <= whole.length; middle++) {
    const log = extendLog(startLog(cut(whole, 0, middle)), cut(whole, middle, whole.length));
    expect(log.lines.map(({ text }) => text)).toEqual(["first", "zweite – ✓", "third"]);
    expect(log.lines.map(({ number }) => number)).toEqual([1, 2, 3]);
  }
});

test("a tail begins with its first whole line", () => {
  const whole = encoder.encode("one\ntwo\nthree\n");
  const log = startLog(cut(whole, 2, whole.length));
  expect(log).toMatchObject({ start: 4, next: whole.length });
  expect(log.lines.map(({ text }) => text)).toEqual(["two", "three"]);
});

test("the line being written is shown as far as it goes", () => {
  const whole = encoder.encode("one\nhalf");
  expect(readRest(startLog(cut(whole, 0, whole.length)))).toBe("half");
});

test("a line written over with carriage returns shows its last form", () => {
  const whole = encoder.encode("10 %\r50 %\r100 %\r\n");
  expect(startLog(cut(whole, 0, whole.length)).lines[0]?.text).toBe("100 %");
});

test("another attempt, or a gap, begins the text anew", () => {
  const whole = encoder.encode("one\ntwo\nthree\n");
  const log = startLog(cut(whole, 0, 4));
  expect(extendLog(log, cut(whole, 0, 8, 2)).attempt).toBe(2);
  expect(extendLog(log, cut(whole, 6, whole.length)).lines.map(({ text }) => text)).toEqual(["three"]);
});

test("only the newest lines are kept", () => {
  const whole = encoder.encode("x\n".repeat(200_500));
  const { lines } = startLog(cut(whole, 0, whole.length));
  expect(lines).toHaveLength(200_000);
  expect(lines.at(-1)?.number).toBe(200_500);
});
