import type { BlockPool } from "../compression/block-pool.ts";
import type { ImageDraft, LayerDraft, LayerWriteOptions, WrittenLayer } from "../image-draft.ts";
import type { AtomicFile } from "./atomic-file.ts";
import { CompressedLayers } from "./compressed-layers.ts";
import { encodeMemberHeader, memberPadding } from "./member.ts";
import { layerWriteError } from "./output-error.ts";
import { expectLayers } from "./read-ahead.ts";
import { isFar, writeAllLayers, writeLayerInto } from "./write-all.ts";

/** Where a layer's member lies in an archive, in bytes. */
export interface MemberPlace {
  readonly headerOffset: number;
  readonly contentOffset: number;
  readonly size: number;
}

/** Any name that is short: headers of all members are as long as its own. */
const ANY_NAME = "layer";

/** Puts members of these sizes one after another. */
function placeMembers(
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

/** Layers, and where the member of each lies. */
export interface WrittenMembers {
  readonly places: readonly MemberPlace[];
  readonly layers: readonly WrittenLayer[];
}

/** Where members are written. */
interface MembersFile {
  readonly file: AtomicFile;
  /** Where the first one begins. */
  readonly start: number;
}

/**
 * Writes plain layers as members without headers: side by side, each into the room that its size says it needs; in order where
 * some are far away.
 */
export async function writePlainMembers(
  { file, start, shown }: MembersFile & { readonly shown: string },
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenMembers> {
  if (isFar(image)) return writeFarMembers({ file, start, shown }, image, options);
  const sizes = await Promise.all(image.layers.map((layer) => layer.size(options.signal)));
  const { places } = placeMembers(start, sizes);
  const layers = await writeAllLayers(image, options, {
    path: shown,
    write(layer, index, layerOptions) {
      const { contentOffset, size } = places[index] as MemberPlace;
      return writeLayerInto({ file, offset: contentOffset, size }, { layer, index }, layerOptions);
    },
  });
  return { places, layers };
}

/** Writes compressed layers as members without headers, one after another from `start` on. */
export async function writeCompressedMembers(
  { file, start }: MembersFile,
  { image, pool }: { readonly image: ImageDraft; readonly pool: BlockPool },
  options: LayerWriteOptions,
): Promise<WrittenMembers> {
  await using compressed = await CompressedLayers.begin(image, { pool }, options);
  return await writeInOrder({ file, start }, image, {
    // Compressed, few layers need a longer header, for 8 GiB: to copy those is less than to size all.
    expected: async () => 0,
    write: (_, contentOffset) =>
      compressed.next((chunk, offset) => file.writeAt(chunk, contentOffset + offset)),
  });
}

/** The same for plain layers of which some are far away: how large one is shows when it is written. */
export async function writeFarMembers(
  { file, start, shown }: MembersFile & { readonly shown: string },
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenMembers> {
  return writeInOrder({ file, start }, image, {
    expected: async (draft) => 2 * (draft.estimate ?? (await draft.size(options.signal))),
    async write(index, offset) {
      const layer = image.layers[index] as LayerDraft;
      expectLayers(image.layers.slice(index));
      const size = layer.estimate === undefined ? await layer.size(options.signal) : undefined;
      try {
        return await writeLayerInto({ file, offset, size }, { layer, index }, options);
      } catch (error) {
        throw layerWriteError(error, shown);
      }
    },
  });
}

/** Layers one after another; how large one is shows only when it is written. */
async function writeInOrder(
  { file, start }: MembersFile,
  image: ImageDraft,
  layer: {
    /** So many bytes that it will hardly have more: one whose header needs more room than theirs is copied. */
    expected(draft: LayerDraft): Promise<number>;
    write(index: number, contentOffset: number): Promise<WrittenLayer>;
  },
): Promise<WrittenMembers> {
  const places: MemberPlace[] = [];
  const layers: WrittenLayer[] = [];
  let headerOffset = start;
  for (const [index, draft] of image.layers.entries()) {
    // Room for the header that so many bytes need: a member may move down later, and never up.
    const room = encodeMemberHeader(ANY_NAME, await layer.expected(draft)).length;
    let contentOffset = headerOffset + room;
    const written = await layer.write(index, contentOffset);
    const { size } = written;
    const needed = encodeMemberHeader(ANY_NAME, size).length;
    if (needed > room) {
      // The last one of the file so far: there is nothing above it.
      await file.moveUp(contentOffset, headerOffset + needed, size);
      contentOffset = headerOffset + needed;
    }
    layers.push(written);
    places.push({ headerOffset, contentOffset, size });
    headerOffset = contentOffset + size + memberPadding(size).length;
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
