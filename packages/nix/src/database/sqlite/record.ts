/** What a column holds. Integers are exact up to 2^53. */
export type Value = null | number | string;

/**
 * A row as SQLite writes it (https://www.sqlite.org/fileformat2.html#record_format): the size of the header, the type of
 * each column, the columns.
 */
export function encodeRecord(values: readonly Value[]): Buffer {
  const columns = values.map(encodeColumn);
  const types = Buffer.concat(columns.map(({ type }) => encodeVarint(type)));
  // The size counts its own byte; with so few columns it is one.
  const header = Buffer.concat([encodeVarint(types.length + 1), types]);
  return Buffer.concat([header, ...columns.map(({ bytes }) => bytes)]);
}

/** Seven bits a byte, the highest first; all bytes but the last have the eighth bit set. */
export function encodeVarint(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((rest % 128) | 0x80);
  return Buffer.from(bytes);
}

interface Column {
  readonly type: number;
  readonly bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);
/** The types of integers, by how many bytes they take. */
const integers: readonly (readonly [type: number, bytes: number])[] = [
  [1, 1],
  [2, 2],
  [3, 3],
  [4, 4],
  [5, 6],
];

function encodeColumn(value: Value): Column {
  if (value === null) return { type: 0, bytes: NOTHING };
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return { type: 13 + 2 * bytes.length, bytes };
  }
  if (value === 0 || value === 1) return { type: 8 + value, bytes: NOTHING };
  for (const [type, size] of integers) {
    if (value >= 2 ** (8 * size - 1)) continue;
    const bytes = Buffer.alloc(size);
    bytes.writeIntBE(value, 0, size);
    return { type, bytes };
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return { type: 6, bytes };
}
