import { OciError } from "../errors.ts";

/** How a layer is compressed. The bytes that come out also depend on the version of the codec's library in Node. */
export interface Codec {
  readonly name: CodecName;
  /** Higher is smaller and slower; see {@link levels}. */
  readonly level: number;
}

/** What layers are compressed with. */
export type CodecName = "gzip" | "zstd";

/**
 * The levels each codec takes. zstd stops at 19: what lies beyond only widens the window, which is never wider than a
 * block here.
 */
const levels: Readonly<
  Record<CodecName, { readonly least: number; readonly usual: number; readonly most: number }>
> = {
  gzip: { least: 1, usual: 6, most: 9 },
  zstd: { least: 1, usual: 3, most: 19 },
};

/**
 * Reads `none`, `gzip[:LEVEL]` or `zstd[:LEVEL]`; undefined stands for no compression.
 * @throws OciError `image-invalid`
 */
export function parseCompression(text: string): Codec | undefined {
  if (text === "none") return undefined;
  const [, name, digits] = /^(gzip|zstd)(?::(\d{1,2}))?$/.exec(text) ?? [];
  if (name !== "gzip" && name !== "zstd") {
    throw new OciError("image-invalid", `'${text}' is not a compression`, {
      hint: "Take none, gzip or zstd; a level goes behind a colon, as in zstd:9.",
    });
  }
  const { least, usual, most } = levels[name];
  const level = digits === undefined ? usual : Number(digits);
  if (level < least || level > most) {
    throw new OciError("image-invalid", `${name} has no level ${level}`, {
      hint: `Take ${name}:${least} (fast) to ${name}:${most} (small).`,
    });
  }
  return { name, level };
}
