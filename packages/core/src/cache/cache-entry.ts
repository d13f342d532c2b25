import { createHash } from "node:crypto";
import { parseDigest, type WrittenLayer } from "@stowage/oci";

/** Of the text below, not of what it says. */
const VERSION = 1;

/**
 * An entry of the digest cache as a file's text: the SHA-256 of the rest in a line of its own, then JSON. The entry says
 * whose it is, so that neither a damaged file nor one under another's name counts.
 */
export function encodeEntry(key: string, { diffId, digest, size }: WrittenLayer): string {
  const text = JSON.stringify({ version: VERSION, key, diffId, digest, size });
  return `${sumOf(text)}\n${text}\n`;
}

/** What an entry says; undefined where the text is not one, whole, of this key. */
export function decodeEntry(key: string, text: string): WrittenLayer | undefined {
  const [sum, json, end, ...more] = text.split("\n");
  if (json === undefined || end !== "" || more.length > 0 || sum !== sumOf(json)) return undefined;
  const entry = JSON.parse(json) as { version: unknown; key: unknown } & Record<keyof WrittenLayer, unknown>;
  if (entry.version !== VERSION || entry.key !== key) return undefined;
  const { size } = entry;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { diffId: parseDigest(String(entry.diffId)), digest: parseDigest(String(entry.digest)), size };
}

function sumOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
