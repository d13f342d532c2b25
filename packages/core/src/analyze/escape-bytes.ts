const escapes: Readonly<Record<number, string>> = {
  9: String.raw`\t`,
  10: String.raw`\n`,
  13: String.raw`\r`,
};

/**
 * Bytes as printable text that nothing is lost in: printable ASCII as it is, a backslash doubled, tab, line feed and
 * carriage return as `\t`, `\n`, `\r`, every other byte as `\xNN`, unless it is part of a printable character in UTF-8.
 */
export function escapeBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const character = characterAt(bytes, at);
    text += character ?? escapeByte(bytes[at] as number);
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return text;
}

function escapeByte(byte: number): string {
  if (byte === 0x5c) return String.raw`\\`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return escapes[byte] ?? String.raw`\x` + byte.toString(16).padStart(2, "0");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The printable character beyond ASCII that starts here. */
function characterAt(bytes: Uint8Array, at: number): string | undefined {
  const first = bytes[at] as number;
  if (first < 0xc2) return undefined;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    const character = decoder.decode(bytes.subarray(at, at + length));
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u.test(character) ? character : undefined;
  } catch {
    return undefined;
  }
}
