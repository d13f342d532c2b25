import { NixError } from "./errors.ts";

/** Nix's base 32: no e, o, t, u (Nix 2.34, `src/libutil/base-nix-32.cc`). */
export const NIX32_ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";

/** Bytes in Nix's base 32: five bits a digit, the least significant last byte first. */
export function encodeNix32(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 8) / 5);
  let text = "";
  for (let digit = length - 1; digit >= 0; digit--) {
    const bit = digit * 5;
    const index = Math.floor(bit / 8);
    const shift = bit % 8;
    const value = ((bytes[index] ?? 0) >> shift) | ((bytes[index + 1] ?? 0) << (8 - shift));
    text += NIX32_ALPHABET[value & 0x1f];
  }
  return text;
}

/**
 * The bytes behind a text in Nix's base 32.
 * @throws NixError `format-invalid` for a digit outside the alphabet, or bits beyond the last byte
 */
export function decodeNix32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  for (let position = 0; position < text.length; position++) {
    const digit = NIX32_ALPHABET.indexOf(text[text.length - 1 - position] as string);
    if (digit === -1) throw invalid(text);
    const bit = position * 5;
    const index = Math.floor(bit / 8);
    const shift = bit % 8;
    const carry = digit >> (8 - shift);
    if (index < bytes.length) bytes[index] = (bytes[index] as number) | ((digit << shift) & 0xff);
    else if (((digit << shift) & 0xff) !== 0) throw invalid(text);
    if (index + 1 < bytes.length) bytes[index + 1] = (bytes[index + 1] as number) | carry;
    else if (carry !== 0) throw invalid(text);
  }
  return bytes;
}

function invalid(text: string): NixError {
  return new NixError("format-invalid", `'${text}' is not Nix base 32`);
}
