/** A key that no other submission has; crypto.randomUUID is absent over plain http on a LAN name. */

const KEY_BYTES = 16;

export function drawKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
