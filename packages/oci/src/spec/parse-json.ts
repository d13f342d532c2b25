import { OciError } from "../errors.ts";

/** Deeper than any document of an image. */
const MAX_DEPTH = 64;
/** Values in a document: the record of 25,000 store paths with 30 references each has fewer. */
const MAX_VALUES = 4_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/**
 * Parses JSON from outside: UTF-8, no deeper and with no more values than a document of an image can have, so that
 * what it becomes in memory is bounded by its bytes.
 * @throws OciError `image-corrupted`
 */
export function parseJson(bytes: Uint8Array): unknown {
  checkShape(bytes);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused("it is not JSON", cause);
  }
}

function checkShape(bytes: Uint8Array): void {
  let depth = 0;
  let values = 1;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (OPEN.has(byte)) {
      depth++;
      values++;
      if (depth > MAX_DEPTH) throw refused(`it is nested deeper than ${MAX_DEPTH} levels`);
    } else if (CLOSE.has(byte)) depth--;
    else if (byte === COMMA) values++;
    if (values > MAX_VALUES) throw refused(`it has more than ${MAX_VALUES} values`);
  }
}

function refused(reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", reason, { cause });
}
