import { expect, test } from "vitest";

import { formatAge, formatBytes, formatDuration, formatNumber, formatPercent } from "./format";

test.each([
  [0, "0"],
  [42, "42"],
  [0.123456, "0.1235"],
  [0.00001234, "1.23e−5"],
  [-2.5, "-2.5"],
  [78042, "78042"],
  [1234567, "1.235M"],
  [null, "–"],
  ["NaN", "NaN"],
  ["-Infinity", "-∞"],
] as const)("the number %s reads %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test("a share reads as a percentage, and what is no number stays itself", () => {
  expect(formatPercent(0.96834)).toBe("96.83 %");
  expect(formatPercent("NaN")).toBe("NaN");
  expect(formatPercent(undefined)).toBe("–");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [318_744, "318.7 kB"],
  [1_500_000, "1.50 MB"],
])("%i bytes read %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.4, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [200, "3 min 20 s"],
  [7500, "2 h 5 min"],
  [90_000, "1 d 1 h"],
])("%f seconds read %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("an age is told in its largest unit", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  expect(formatAge("2026-01-02T03:04:01Z", now)).toBe("just now");
  expect(formatAge("2026-01-02T02:04:05Z", now)).toBe("1 h ago");
});
