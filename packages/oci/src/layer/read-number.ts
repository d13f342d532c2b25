import { OciError } from "../errors.ts";

const NUL = 0x00;
const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;
const POSITIVE = 0x80;
const NEGATIVE = 0xff;

/**
 * A number of a header: octal digits, blanks around them (POSIX.1-2017, pax, "ustar Interchange Format"), nothing for 0,
 * or GNU's base 256, whose first byte is 0x80, or 0xff for a negative number.
 * @throws OciError `tar-number` for anything else, and for what a JS number cannot count
 */
export function readNumber(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] as number;
  const value =
    first === POSITIVE || first === NEGATIVE
      ? readBase256(block, start, length)
      : readOctal(block, start, length);
  if (value !== undefined && Number.isSafeInteger(value)) return value;
  const shown = block.subarray(start, start + length).toString("latin1");
  throw new OciError("tar-number", `${what} is no number that can be: ${JSON.stringify(shown)}`);
}

/** As {@link readNumber}, for what counts something. */
export function readCount(block: Buffer, start: number, length: number, what: string): number {
  const value = readNumber(block, start, length, what);
  if (value >= 0) return value;
  throw new OciError("tar-number", `${what} is negative: ${value}`);
}

/** The decimal number of a PAX record. */
export function readDecimal(text: string, what: string): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new OciError("tar-number", `${what} is no number that can be: ${JSON.stringify(text.slice(0, 40))}`);
}

function readOctal(block: Buffer, start: number, length: number): number | undefined {
  const end = start + length;
  let at = start;
  while (at < end && block[at] === SPACE) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] as number;
    if (byte < ZERO || byte > SEVEN) break;
    value = value * 8 + (byte - ZERO);
  }
  for (; at < end; at++) if (block[at] !== NUL && block[at] !== SPACE) return undefined;
  return value;
}

/** Big-endian two's complement; the first byte says the sign alone. */
function readBase256(block: Buffer, start: number, length: number): number {
  const isNegative = block[start] === NEGATIVE;
  let value = isNegative ? -1 : 0;
  for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] as number);
  return value;
}
