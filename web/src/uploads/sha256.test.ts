import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { hashBlob } from "./hashBlob";
import { Sha256 } from "./sha256";

const expected = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const some = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 167 + 13) % 256);

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 65_537])("%i bytes have the hash that others find", (length) => {
  const hash = new Sha256();
  hash.update(some(length));
  expect(hash.digest()).toBe(expected(some(length)));
});

test("how the bytes are cut changes nothing", () => {
  const bytes = some(5_000);
  const hash = new Sha256();
  for (let at = 0, length = 1; at < bytes.length; at += length, length = (length * 7) % 130 || 1) hash.update(bytes.subarray(at, at + length));
  expect(hash.digest()).toBe(expected(bytes));
});

test("a file is hashed piece by piece, and tells how far it is", async () => {
  const bytes = some(2_500_000);
  const told: number[] = [];
  expect(await hashBlob(new Blob([bytes]), (ratio) => told.push(ratio))).toBe(expected(bytes));
  expect(told.at(-1)).toBe(1);
  expect(told.length).toBeGreaterThan(1);
});
