import { OciError } from "../errors.ts";
import { parseDigest, type Digest } from "../spec/digest.ts";
import type { Platform } from "../spec/platform.ts";

/** A JSON object from outside. */
export type Fields = Readonly<Record<string, unknown>>;

/*
 * What a document must be; `what` is where in it. All throw OciError `image-corrupted`. Go writes null for a list or a
 * map that is empty, so null is as good as nothing there.
 */

export function asFields(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(what, "an object", value);
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(what, "a list", value);
}

export function asOptionalList(value: unknown, what: string): readonly unknown[] {
  return value === undefined || value === null ? [] : asList(value, what);
}

export function asOptionalFields(value: unknown, what: string): Fields {
  return value === undefined || value === null ? {} : asFields(value, what);
}

export function asText(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw wrong(what, "a text", value);
}

export function asOptionalText(value: unknown, what: string): string | undefined {
  return value === undefined || value === null ? undefined : asText(value, what);
}

/** A number of bytes. */
export function asSize(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(what, "a number of bytes", value);
}

export function asDigest(value: unknown, what: string): Digest {
  const text = asText(value, what);
  try {
    return parseDigest(text);
  } catch {
    throw wrong(what, "a sha256 digest", text);
  }
}

/** Texts by key. */
export function asTexts(value: unknown, what: string): Readonly<Record<string, string>> {
  const entries = Object.entries(asOptionalFields(value, what));
  return Object.fromEntries(entries.map(([key, text]) => [key, asText(text, `${what}.${key}`)]));
}

/** What something is for; `what` is where the fields stand. */
export function asPlatform(fields: Fields, what: string): Platform {
  const variant = asOptionalText(fields["variant"], `${what}.variant`);
  return {
    os: asText(fields["os"], `${what}.os`),
    architecture: asText(fields["architecture"], `${what}.architecture`),
    ...(variant === undefined || variant === "" ? {} : { variant }),
  };
}

function wrong(what: string, wanted: string, value: unknown): OciError {
  const shown = value === undefined ? "missing" : JSON.stringify(value).slice(0, 80);
  return new OciError("image-corrupted", `${what} is not ${wanted}: ${shown}`);
}
