/** How the name of an entry begins that deletes what layers below have under the rest of it (OCI image spec, layer.md). */
export const WHITEOUT = ".wh.";
/** Deletes all that layers below have in its directory. */
export const OPAQUE = ".wh..wh..opq";

export function isWhiteout(name: string): boolean {
  return name.startsWith(WHITEOUT);
}
