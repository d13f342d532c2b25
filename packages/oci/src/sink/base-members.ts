import type { BaseLayer, DraftBase } from "../image-draft.ts";
import { hexOf, type Digest } from "../spec/digest.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { encodeMemberHeader, memberPadding } from "./member.ts";

/** A base's layers as members of an archive. */
interface BaseMembers {
  /** Of each layer, from the bottom up; equal layers share one. */
  readonly members: readonly string[];
  readonly digests: readonly Digest[];
}

/** What a blob is called in a layout and in an archive that is one. */
export function blobMember(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** Copies a base's layers into an archive, each once; images often have one empty layer several times. */
export async function copyBaseMembers(
  writer: ByteWriter,
  base: DraftBase | undefined,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly nameOf: (layer: BaseLayer, index: number) => string;
    readonly onBytes?: ((bytes: number) => void) | undefined;
  },
): Promise<BaseMembers> {
  const { signal, nameOf, onBytes } = options;
  const layers = base?.layers ?? [];
  const names = new Map<Digest, string>();
  for (const [index, layer] of layers.entries()) {
    if (names.has(layer.digest)) continue;
    const name = nameOf(layer, index);
    names.set(layer.digest, name);
    await writer.write(encodeMemberHeader(name, layer.size));
    for await (const chunk of layer.chunks(signal)) {
      await writer.write(chunk);
      onBytes?.(chunk.length);
    }
    await writer.write(memberPadding(layer.size));
  }
  return {
    members: layers.map(({ digest }) => names.get(digest) as string),
    digests: [...names.keys()],
  };
}
