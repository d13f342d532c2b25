import { OciError } from "../errors.ts";
import type { StoredBlob } from "../source/image-source.ts";
import { inspectLayer } from "../verify/inspect-layer.ts";
import type { LayerTree } from "../verify/layer-tree.ts";

const MAX_LINKS = 8;

/**
 * Reads one file of an image, links followed inside it; undefined where there is none.
 * @param layers from the bottom up
 * @throws OciError `image-corrupted` for one that is larger than allowed; `image-unreadable`
 */
export async function readLayerFile(
  tree: LayerTree,
  layers: readonly StoredBlob[],
  wanted: { readonly path: string; readonly maxBytes: number; readonly signal: AbortSignal | undefined },
): Promise<Buffer | undefined> {
  const end = tree.follow(Buffer.from(wanted.path).toString("latin1"));
  if (end === undefined || end.rest !== "") return undefined;
  let { path } = end;
  for (let links = 0; links < MAX_LINKS; links++) {
    const found = tree.get(path);
    if (found?.type === "hardlink") path = found.target.replace(/^(?:\.?\/)+/, "");
    else if (found?.type !== "file") return undefined;
    else return readFrom(layers[found.layer] as StoredBlob, { ...wanted, path });
  }
  return undefined;
}

/** @param wanted with the path as Latin-1 */
async function readFrom(
  blob: StoredBlob,
  wanted: { readonly path: string; readonly maxBytes: number; readonly signal: AbortSignal | undefined },
): Promise<Buffer | undefined> {
  const name = Buffer.from(wanted.path, "latin1");
  let parts: Buffer[] | undefined;
  let length = 0;
  await inspectLayer(blob, {
    signal: wanted.signal,
    visitor: {
      entry({ path, type }) {
        if (!path.equals(name) || type !== "file") return "left";
        parts = [];
        length = 0;
        return "shared";
      },
      contents(chunk) {
        length += chunk.length;
        if (length <= wanted.maxBytes) parts?.push(Buffer.from(chunk));
      },
    },
  });
  if (length <= wanted.maxBytes) return parts && Buffer.concat(parts);
  throw new OciError(
    "image-corrupted",
    `/${wanted.path} of the base has ${length} bytes, more than anybody reads`,
  );
}
