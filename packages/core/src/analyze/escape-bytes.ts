/** What stands for a byte, four characters at most. */
const escapes: readonly Buffer[] = Array.from({ length: 256 }, (_, byte) => Buffer.from(escapeOf(byte)));
const LONGEST_ESCAPE = 4;

/**
 * Bytes as printable text that nothing is lost in: printable ASCII as it is, a backslash doubled, tab, line feed and
 * carriage return as `\t`, `\n`, `\r`, every other byte as `\xNN`, unless it is part of a printable character in UTF-8.
 */
export function escapeBytes(bytes: Uint8Array): string {
  // Hostile names have megabytes: a text that grows character by character would take 30 times as much.
  const text = Buffer.allocUnsafe(LONGEST_ESCAPE * bytes.length);
  let end = 0;
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] as number;
    if (byte >= 0x20 && byte < 0x7f && byte !== 0x5c) {
      text[end++] = byte;
      at++;
      continue;
    }
    const length = characterLength(bytes, at);
    const shown = length === 0 ? (escapes[byte] as Buffer) : bytes.subarray(at, at + length);
    text.set(shown, end);
    end += shown.length;
    at += Math.max(1, length);
  }
  return text.toString("utf8", 0, end);
}

function escapeOf(byte: number): string {
  if (byte === 0x5c) return String.raw`\\`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  const short = { 9: "t", 10: "n", 13: "r" }[byte];
  return short === undefined ? String.raw`\x` + byte.toString(16).padStart(2, "0") : `\\${short}`;
}

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;

/** How many bytes the printable character beyond ASCII has that starts here (RFC 3629); 0 where there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let point = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next++) {
    const byte = bytes[next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return 0;
    point = (point << 6) | (byte & 0x3f);
  }
  const least = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000;
  if (point < least || point > 0x10ffff) return 0;
  return printable.test(String.fromCodePoint(point)) ? length : 0;
}
