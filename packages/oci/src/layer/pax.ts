import { isUtf8 } from "./ascii-name.ts";

/** What the plain header has no room for. Written in this order: path, linkpath, uid, gid, size. */
export interface PaxValues {
  readonly path?: Uint8Array | undefined;
  readonly linkpath?: Uint8Array | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
}

/**
 * The records of a PAX extended header (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`. A name that
 * is not UTF-8 is announced by `hdrcharset=BINARY` and kept as raw bytes. Empty where there is nothing to say.
 */
export function encodePaxRecords(values: PaxValues): Buffer {
  const { path, linkpath, uid, gid, size } = values;
  const entries: [string, Uint8Array][] = [];
  if (path !== undefined) entries.push(["path", path]);
  if (linkpath !== undefined) entries.push(["linkpath", linkpath]);
  if (uid !== undefined) entries.push(["uid", decimal(uid)]);
  if (gid !== undefined) entries.push(["gid", decimal(gid)]);
  if (size !== undefined) entries.push(["size", decimal(size)]);
  if (entries.length === 0) return NOTHING;
  if (entries.some(([, value]) => !isUtf8(value))) entries.unshift(["hdrcharset", Buffer.from("BINARY")]);
  return Buffer.concat(entries.map(([key, value]) => encodeRecord(key, value)));
}

const NOTHING = Buffer.alloc(0);

function decimal(value: number): Buffer {
  return Buffer.from(String(value));
}

/** A record's length counts its own digits. */
function encodeRecord(key: string, value: Uint8Array): Buffer {
  const rest = ` ${key}=`.length + value.length + 1;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}
