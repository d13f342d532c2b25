/** A number as a NAR has it. */
export function number(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A string as a NAR has it; written apart from the serialiser under test, and able to lie. */
export function word(
  value: string | Buffer,
  { length, padding = 0 }: { length?: number; padding?: number } = {},
): Buffer {
  const bytes = Buffer.from(value as Buffer);
  const zeros = Buffer.alloc((8 - (bytes.length % 8)) % 8, padding);
  return Buffer.concat([number(length ?? bytes.length), bytes, zeros]);
}

/** Words after each other; a buffer stands for itself. */
export function words(...values: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(values.map((value) => (typeof value === "string" ? word(value) : value)));
}

/** A whole NAR of one node. */
export function nar(...node: readonly (string | Buffer)[]): Buffer {
  return words("nix-archive-1", ...node);
}

export const fileNode = (contents: string): Buffer =>
  words("(", "type", "regular", "contents", contents, ")");
export const linkNode = (target: string | Buffer): Buffer =>
  words("(", "type", "symlink", "target", word(target), ")");
export const directoryNode = (...entries: readonly Buffer[]): Buffer =>
  words("(", "type", "directory", ...entries, ")");
export const entryOf = (name: string | Buffer, node: Buffer): Buffer =>
  words("entry", "(", "name", word(name), "node", node, ")");
