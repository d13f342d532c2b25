import { OciError } from "../errors.ts";
import { readDecimal } from "./read-number.ts";

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/** What an extended header says instead of the header that follows it. */
export interface PaxRecords {
  readonly path?: Buffer;
  readonly linkpath?: Buffer;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  /** Seconds since the epoch, maybe with a fraction. */
  readonly mtime?: number;
  /** Whether there are extended attributes (`SCHILY.xattr.…`, `LIBARCHIVE.xattr.…`). */
  readonly hasAttributes?: true;
}

/**
 * Reads the records of an extended header (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`. Names are
 * bytes, with `hdrcharset=BINARY` or without. Keys that say nothing about an entry here are passed over.
 * @throws OciError `tar-extension` for what is malformed or there twice; `tar-type` for a sparse file; `tar-number`
 */
export function readPaxRecords(body: Buffer): PaxRecords {
  const keys = new Set<string>();
  const records: { -readonly [K in keyof PaxRecords]: PaxRecords[K] } = {};
  for (let at = 0; at < body.length;) {
    const { key, value, next } = readRecord(body, at);
    if (keys.has(key)) throw malformed(`it has '${shown(key)}' twice`);
    keys.add(key);
    at = next;
    if (key === "path" || key === "linkpath") records[key] = readName(key, value);
    else if (key === "uid" || key === "gid" || key === "size")
      records[key] = readDecimal(value.toString("latin1"), key);
    else if (key === "mtime") records.mtime = readTime(value.toString("latin1"));
    else if (key === "hdrcharset") checkCharset(value.toString("latin1"));
    else if (key.startsWith("GNU.sparse.")) throw new OciError("tar-type", "it is a sparse file");
    else if (key.startsWith("SCHILY.xattr.") || key.startsWith("LIBARCHIVE.xattr."))
      records.hasAttributes = true;
  }
  return records;
}

/**
 * Checks an extended header for all entries that follow: a comment harms nobody, but no two entries share a name or a
 * size, and readers disagree about such a header.
 * @throws OciError `tar-extension`, `tar-type`, `tar-number`
 */
export function checkGlobalRecords(body: Buffer): void {
  const { path, linkpath, size } = readPaxRecords(body);
  if (path !== undefined || linkpath !== undefined || size !== undefined)
    throw malformed("it gives all entries that follow the same name or size");
}

interface PaxRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly next: number;
}

function readRecord(body: Buffer, start: number): PaxRecord {
  const space = body.indexOf(SPACE, start);
  const digits = space === -1 ? "" : body.toString("latin1", start, Math.min(space, start + 20));
  if (!/^[1-9]\d{0,9}$/.test(digits)) throw malformed("a record has no length");
  const next = start + Number(digits);
  if (next > body.length || next <= space + 2 || body[next - 1] !== NEWLINE)
    throw malformed("a record's length is wrong");
  const equals = body.indexOf(EQUALS, space + 1);
  if (equals === -1 || equals >= next - 1 || equals === space + 1) throw malformed("a record has no key");
  return {
    key: body.toString("latin1", space + 1, equals),
    value: body.subarray(equals + 1, next - 1),
    next,
  };
}

function readName(key: string, value: Buffer): Buffer {
  if (value.length === 0) throw malformed(`its ${key} is empty`);
  if (value.includes(0)) throw malformed(`its ${key} holds a NUL byte`);
  return Buffer.from(value);
}

function readTime(text: string): number {
  if (/^-?\d{1,15}(\.\d{0,20})?$/.test(text)) return Number(text);
  throw new OciError("tar-number", `mtime is no time: ${JSON.stringify(text.slice(0, 40))}`);
}

function checkCharset(charset: string): void {
  if (charset !== "BINARY" && charset !== "ISO-IR 10646 2000 UTF-8")
    throw malformed(`its character set '${shown(charset)}' is none that is known`);
}

function shown(text: string): string {
  return text.slice(0, 40);
}

function malformed(reason: string): OciError {
  return new OciError("tar-extension", `an extended header is malformed: ${reason}`);
}
