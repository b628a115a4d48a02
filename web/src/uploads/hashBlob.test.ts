import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { hashBlob } from "./hashBlob";

test.each([0, 1, 2_500_000])("a file of %i bytes has the hash that others find, and tells how far it is", async (length) => {
  const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + 13) % 256);
  const told: number[] = [];
  const hash = await hashBlob(new Blob([bytes]), (ratio) => told.push(ratio));
  expect(hash).toBe(createHash("sha256").update(bytes).digest("hex"));
  expect(told.at(-1)).toBe(length > 0 ? 1 : undefined);
});
