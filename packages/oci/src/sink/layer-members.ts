import type { BlockPool } from "../compression/block-pool.ts";
import type { ImageDraft, LayerWriteOptions, WrittenLayer } from "../image-draft.ts";
import type { AtomicFile } from "./atomic-file.ts";
import { CompressedLayers } from "./compressed-layers.ts";
import { encodeMemberHeader, memberPadding } from "./member.ts";

/** Where a layer's member lies in an archive, in bytes. */
export interface MemberPlace {
  readonly headerOffset: number;
  readonly contentOffset: number;
  readonly size: number;
}

/** Any name that is short: headers of all members are as long as its own. */
const ANY_NAME = "layer";

/** Puts members of these sizes one after another. */
export function placeMembers(
  start: number,
  sizes: readonly number[],
): { readonly places: readonly MemberPlace[]; readonly end: number } {
  let offset = start;
  const places = sizes.map((size): MemberPlace => {
    const headerOffset = offset;
    const contentOffset = headerOffset + encodeMemberHeader(ANY_NAME, size).length;
    offset = contentOffset + size + memberPadding(size).length;
    return { headerOffset, contentOffset, size };
  });
  return { places, end: offset };
}

/** Writes compressed layers as members without headers, one after another from `start` on. */
export async function writeCompressedMembers(
  { file, start }: { readonly file: AtomicFile; readonly start: number },
  { image, pool }: { readonly image: ImageDraft; readonly pool: BlockPool },
  options: LayerWriteOptions,
): Promise<{ readonly places: MemberPlace[]; readonly layers: WrittenLayer[] }> {
  await using compressed = await CompressedLayers.begin(image, { pool }, options);
  const places: MemberPlace[] = [];
  const layers: WrittenLayer[] = [];
  let headerOffset = start;
  for (const draft of image.layers) {
    // Room for the header that the largest size needs: a member may move down later, and never up.
    const largest = 2 * (await draft.size(options.signal));
    const contentOffset = headerOffset + encodeMemberHeader(ANY_NAME, largest).length;
    const layer = await compressed.next((chunk, offset) => file.writeAt(chunk, contentOffset + offset));
    layers.push(layer);
    places.push({ headerOffset, contentOffset, size: layer.size });
    headerOffset = contentOffset + layer.size + memberPadding(layer.size).length;
  }
  return { places, layers };
}

/**
 * Puts headers around the contents of members, which are in their order, and moves down what has room before it.
 * Returns where the last one ends.
 */
export async function nameMembers(
  file: AtomicFile,
  start: number,
  members: readonly { readonly name: string; readonly from: MemberPlace }[],
): Promise<number> {
  const { places, end } = placeMembers(
    start,
    members.map(({ from }) => from.size),
  );
  for (const [index, { name, from }] of members.entries()) {
    const { headerOffset, contentOffset, size } = places[index] as MemberPlace;
    await file.moveDown(from.contentOffset, contentOffset, size);
    await file.writeAt(encodeMemberHeader(name, size), headerOffset);
    await file.writeAt(memberPadding(size), contentOffset + size);
  }
  return end;
}
