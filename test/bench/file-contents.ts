import { randomFillSync } from "node:crypto";
import { randomNumbers } from "./closure-generator.ts";

/** What a file is like; each kind compresses about as well as its like in a real closure. */
export type ContentKind = "text" | "program" | "random";

/** Contents repeat after so many bytes, which is further back than any compressor here looks. */
const POOL_BYTES = 64 * 1024 * 1024;

/** Contents for many files, one after another. `random` is so anew each time; nothing but its length counts. */
export class ContentSource {
  readonly #pools = new Map<ContentKind, { readonly bytes: Buffer; position: number }>();
  readonly #poolBytes: number;

  /** @param total about how many bytes will be asked for */
  constructor(total: number) {
    this.#poolBytes = Math.min(POOL_BYTES, total);
  }

  /** The next bytes of a kind, in pieces that are valid until the next call. */
  *take(kind: ContentKind, length: number): Generator<Uint8Array> {
    let pool = this.#pools.get(kind);
    if (pool === undefined)
      this.#pools.set(kind, (pool = { bytes: makePool(kind, this.#poolBytes), position: 0 }));
    for (let left = length; left > 0;) {
      const piece = pool.bytes.subarray(pool.position, pool.position + left);
      pool.position = (pool.position + piece.length) % pool.bytes.length;
      left -= piece.length;
      yield piece;
    }
  }
}

function makePool(kind: ContentKind, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (kind === "random") return randomFillSync(bytes);
  fillFromTable(bytes, makeTable(kind), randomNumbers(3));
  return bytes;
}

/** Pieces that contents are put together from; pieces at the front are taken far more often. */
type PieceTable = readonly Buffer[];

const PIECES = 8192;

function makeTable(kind: "text" | "program"): PieceTable {
  const random = randomNumbers(kind === "text" ? 1 : 2);
  const makePiece = kind === "text" ? makeWord : makeInstruction;
  return Array.from({ length: PIECES }, () => makePiece(random));
}

/** A word of a few letters: gzip makes a third of a text of these, as of source code and documentation. */
function makeWord(random: () => number): Buffer {
  const letters = Array.from({ length: 2 + Math.floor(random() * 8) }, () =>
    String.fromCodePoint(97 + Math.floor(26 * random() ** 2)),
  );
  return Buffer.from(letters.join("") + (random() < 0.1 ? "\n" : " "));
}

/** An operation that is often the same with an operand that is not: gzip makes 40 % of these, as of programs. */
function makeInstruction(random: () => number): Buffer {
  const bytes = Array.from({ length: 3 + Math.floor(random() * 6) }, () => Math.floor(256 * random()));
  return Buffer.from([0x48, ...bytes, ...(random() < 0.2 ? [0, 0, 0] : [])]);
}

/** How far back contents repeat themselves at most, and how often they do, in bytes and of one. */
const REPEAT_DISTANCE = 16 * 1024;
const REPEAT_SHARE = 0.08;

function fillFromTable(buffer: Buffer, table: PieceTable, random: () => number): void {
  for (let at = 0; at < buffer.length;) {
    if (at > REPEAT_DISTANCE && random() < REPEAT_SHARE) {
      const from = at - 64 - Math.floor((REPEAT_DISTANCE - 64) * random());
      const length = 16 + Math.floor(48 * random());
      at += buffer.copy(buffer, at, from, from + length);
    } else {
      const piece = table[Math.floor(PIECES * random() ** 3)] as Buffer;
      at += piece.copy(buffer, at);
    }
  }
}
