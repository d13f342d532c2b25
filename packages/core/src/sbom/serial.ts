import { createHash, randomUUID } from "node:crypto";
import type { Bill } from "./bill.ts";

/** A UUID of a name space of our own (RFC 9562, section 5.5). */
const NAME_SPACE = Buffer.from("1c0b1e5e6f0d4c1f9d5b8f7a2e3c4d5a", "hex");

/** The same for the same contents, another for any others: a UUID of version 5 (RFC 9562). */
export function contentSerial(bill: Omit<Bill, "serial">): string {
  const hash = createHash("sha1").update(NAME_SPACE).update(JSON.stringify(bill)).digest().subarray(0, 16);
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  const hex = hash.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function randomSerial(): string {
  return randomUUID();
}
