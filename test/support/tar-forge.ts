/** The fields of a tar header, each as text where it is to be wrong. */
export interface ForgedHeader {
  readonly name?: string | Buffer;
  readonly mode?: number | string | Buffer;
  readonly uid?: number | string | Buffer;
  readonly gid?: number | string | Buffer;
  readonly size?: number | string | Buffer;
  readonly mtime?: number | string | Buffer;
  readonly type?: string;
  readonly linkName?: string | Buffer;
  readonly magic?: string;
  readonly prefix?: string;
  /** Added to the right sum. */
  readonly checksumError?: number;
}

const BLOCK = 512;

/** One header block. */
export function forgeHeader(header: ForgedHeader): Buffer {
  const block = Buffer.alloc(BLOCK);
  const text = (value: string | Buffer, at: number, length: number): void =>
    void Buffer.from(value as string, "utf8").copy(block, at, 0, length);
  const number = (value: number | string | Buffer, at: number, length: number): void => {
    if (typeof value === "number") text(`${value.toString(8).padStart(length - 1, "0")}\0`, at, length);
    else text(value, at, length);
  };
  text(header.name ?? "file", 0, 100);
  number(header.mode ?? 0o644, 100, 8);
  number(header.uid ?? 0, 108, 8);
  number(header.gid ?? 0, 116, 8);
  number(header.size ?? 0, 124, 12);
  number(header.mtime ?? 1, 136, 12);
  text(header.type ?? "0", 156, 1);
  text(header.linkName ?? "", 157, 100);
  text(header.magic ?? "ustar\u000000", 257, 8);
  text(header.prefix ?? "", 345, 155);
  let sum = 8 * 0x20 + (header.checksumError ?? 0);
  for (const byte of block) sum += byte;
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}

/** Contents filled up to whole blocks. */
export function padded(contents: string | Buffer): Buffer {
  const bytes = Buffer.from(contents as string);
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

/** A whole member: its header and its contents. */
export function forgeMember(header: ForgedHeader, contents: string | Buffer = ""): Buffer {
  const size = Buffer.from(contents as string).length;
  return Buffer.concat([forgeHeader({ size, ...header }), padded(contents)]);
}

/** An extended header and the member behind it. */
export function forgePax(
  records: string | Buffer,
  header: ForgedHeader,
  contents: string | Buffer = "",
): Buffer {
  return Buffer.concat([forgeMember({ name: "pax", type: "x" }, records), forgeMember(header, contents)]);
}

/** A PAX record with its right length. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  let length = size + String(size).length;
  if (size + String(length).length !== length) length = size + String(length).length;
  return `${length}${rest}`;
}

/** A tar of members, ended as it should be. */
export function forgeTar(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(2 * BLOCK)]);
}
