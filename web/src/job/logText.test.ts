import { expect, test } from "vitest";

import { extendLog, prependLog, readRest, startLog, startPiece, type LogChunk } from "./logText";

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

test("what lies before is put in front, in pieces cut anywhere, as if it had been read at once", () => {
  const whole = encoder.encode("one\ntwo – ✓\nthree\nfour\n");
  const tail = startLog(cut(whole, 19, whole.length));
  expect(tail.lines).toEqual([{ number: 1, text: "four" }]);
  for (let offset = 0; offset < tail.start; offset++) {
    const late = startPiece(cut(whole, offset, tail.start), tail.start);
    const log = prependLog(tail, [...(late.start > 0 ? [startPiece(cut(whole, 0, late.start), late.start)] : []), late]);
    expect(log.start).toBe(0);
    if (offset < 17) expect(log.lines.map(({ text }) => text)).toEqual(["one", "two – ✓", "three", "four"]);
    expect(log.lines.at(-1)).toEqual({ number: 1, text: "four" });
  }
});

test("pieces that lie elsewhere change nothing", () => {
  const whole = encoder.encode("one\ntwo\nthree\n");
  const log = startLog(cut(whole, 3, whole.length));
  expect(prependLog(log, [startPiece(cut(whole, 4, 8), 8)])).toBe(log);
  expect(prependLog(log, [])).toBe(log);
});

test("where the beginning of a log is gone, there is no more to read", () => {
  const whole = encoder.encode("one\ntwo\nthree\n");
  const log = startLog(cut(whole, 5, whole.length));
  const gone = prependLog(log, [startPiece(cut(whole, 8, whole.length), log.start)]);
  expect(gone).toMatchObject({ start: 0, lines: log.lines });
  const part = prependLog(log, [startPiece(cut(whole, 0, whole.length), log.start)]);
  expect(part.lines.map(({ text }) => text)).toEqual(["one", "two", "three"]);
});

test("colours and titles of terminals are left out", () => {
  const whole = encoder.encode("\u001b[1;31mred\u001b[0m \u001b]0;title\u0007plain\u001b[2K\n");
  expect(startLog(cut(whole, 0, whole.length)).lines.map(({ text }) => text)).toEqual(["red plain"]);
});
