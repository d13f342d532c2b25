import { OciError } from "../errors.ts";
import { readDescriptor } from "../source/read-index.ts";
import { asDigest, asFields, asList } from "../source/shape.ts";
import type { Digest } from "../spec/digest.ts";
import { parseJson } from "../spec/parse-json.ts";
import { ifAnswered } from "./if-answered.ts";
import { readBlob } from "./read-blob.ts";
import type { RemoteManifest, Repository } from "./repository.ts";
import type { WantedBlob } from "./wanted-blob.ts";

/** No config is larger. */
const CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * What a repository has so far, which suggests what of an image may be there. Nothing is believed for it: it only says what is worth
 * being asked for.
 */
export interface RepositoryHints {
  /** What the tag leads to. */
  readonly previous: RemoteManifest | undefined;
  /** Whether there are images at all. */
  readonly hasImages: boolean;
  /** Bytes of each layer under the tag, as stored. */
  readonly sizes: ReadonlySet<number>;
  /** What the layers under the tag are when decompressed; undefined where nobody asked, or nobody can say. */
  readonly diffIds: ReadonlySet<Digest> | undefined;
}

/**
 * Asks a repository what is under a tag, and where nothing is, whether there is anything.
 * @param options `withDiffIds`: whether the config is asked for too
 * @throws OciError `registry-…`
 */
export async function readHints(
  repository: Repository,
  tag: string,
  options: { readonly withDiffIds: boolean; readonly signal?: AbortSignal | undefined },
): Promise<RepositoryHints> {
  const { withDiffIds, signal } = options;
  const previous = await ifAnswered(repository, (asked) => asked.readManifest(tag, signal));
  if (previous === undefined) {
    const hasImages = (await ifAnswered(repository, (asked) => asked.hasTags(signal))) ?? true;
    return { previous, hasImages, sizes: new Set(), diffIds: undefined };
  }
  const { config, sizes } = readLayers(previous.bytes);
  const diffIds =
    withDiffIds && config !== undefined
      ? await readDiffIds(repository.optional(), config, signal)
      : undefined;
  return { previous, hasImages: true, sizes, diffIds };
}

function readLayers(manifest: Uint8Array): {
  readonly config: WantedBlob | undefined;
  readonly sizes: ReadonlySet<number>;
} {
  try {
    const fields = asFields(parseJson(manifest), "the manifest");
    const layers = asList(fields["layers"], "layers").map((layer) => readDescriptor(layer, "layers"));
    const config = readDescriptor(fields["config"], "config");
    return { config, sizes: new Set(layers.map(({ size }) => size)) };
  } catch {
    // An index, or something else.
    return { config: undefined, sizes: new Set() };
  }
}

async function readDiffIds(
  repository: Repository,
  config: WantedBlob,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<Digest> | undefined> {
  if (config.size > CONFIG_BYTES) return undefined;
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readBlob(repository, config, signal)) chunks.push(Buffer.from(chunk));
    const rootfs = asFields(asFields(parseJson(Buffer.concat(chunks)), "the config")["rootfs"], "rootfs");
    return new Set(asList(rootfs["diff_ids"], "diff_ids").map((diffId) => asDigest(diffId, "diff_ids")));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
