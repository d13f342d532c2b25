import {
  inspectLayer,
  parsePlatform,
  readContents,
  type ImageLayer,
  type LayerVisitor,
  type PathEntry,
} from "@stowage/oci";
import { imagesFor, RecordBudget } from "@stowage/oci/internal";
import { escapeBytes } from "./analyze/escape-bytes.ts";
import { CoreError } from "./errors.ts";
import { openImageAt } from "./registry/open-image-at.ts";
import type { InspectOptions, LayerFileEntry } from "./inspect-options.ts";
import type { VerifyFinding } from "./verify/finding.ts";

/** The entries of one layer. */
export interface LayerFiles {
  /** From the bottom up, from 0. */
  readonly layer: number;
  readonly digest: string;
  /** In the layer's order. */
  readonly files: readonly LayerFileEntry[];
  /** What kept it from being read to its end, or is wrong with an entry. */
  readonly findings: readonly VerifyFinding[];
}

/**
 * Lists all entries of one layer as they stand in its tar, whiteouts too.
 * @param which the layer's number from the bottom up, from 0; its digest or diffID; or a beginning of one, which at least
 *   six digits make
 * @throws CoreError `not-found` for a layer that there is not; OciError as {@link inspect} does
 */
export async function inspectFiles(
  options: Omit<InspectOptions, "onProgress">,
  which: string,
): Promise<LayerFiles> {
  const { image, signal } = options;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  await using source = await openImageAt(image, { ...options, platform });
  const all = await readContents(source, signal);
  const contents = { ...all, images: imagesFor(platform, all.images, image) };
  const layers = contents.images.flatMap((each) =>
    each.isArtifact ? [] : each.layers.map((layer, index) => ({ layer, index })),
  );
  const found = layers.filter(({ layer, index }) => isMeant(which, layer, index));
  const names = new Set(found.map(({ layer }) => layer.name));
  const [first] = found;
  if (first === undefined || names.size > 1) throw noLayer(image, which, names.size);
  const { layer, index } = first;
  if (layer.blob === undefined) {
    throw new CoreError("not-found", `'${image}' does not hold its layer ${index}, ${layer.name}`, {
      path: image,
    });
  }
  const visitor = new EntryLister();
  const facts = await inspectLayer(layer.blob, { signal, visitor });
  return {
    layer: index,
    digest: facts.stored.digest,
    files: visitor.files,
    findings: facts.findings.map((finding) => ({ ...finding, layer: index })),
  };
}

const HEX_START = /^(?:sha256:)?([0-9a-f]{6,64})$/;

function isMeant(which: string, { digest, diffId, name }: ImageLayer, index: number): boolean {
  if (/^\d{1,5}$/.test(which)) return Number(which) === index;
  const start = HEX_START.exec(which)?.[1];
  if (start === undefined) return name === which;
  return [digest, diffId].some((id) => id?.startsWith(`sha256:${start}`) === true);
}

function noLayer(image: string, which: string, count: number): CoreError {
  const message =
    count === 0 ? `'${image}' has no layer ${which}` : `${which} could be ${count} layers of '${image}'`;
  return new CoreError("not-found", message, {
    path: image,
    hint: "Give a layer's number, from 0 at the bottom, or its digest, as stowage inspect --layers lists them.",
  });
}

/** Keeps what each entry's header says. */
class EntryLister implements LayerVisitor {
  readonly files: LayerFileEntry[] = [];
  readonly #budget = new RecordBudget();

  entry({ path, type, mode, uid, gid, size, mtime, linkName }: PathEntry): "claimed" {
    const shown = `/${escapeBytes(path)}`;
    const target = escapeBytes(linkName);
    this.#budget.take(shown.length + target.length);
    this.files.push({
      path: shown,
      type,
      mode: mode & 0o7777,
      uid,
      gid,
      size,
      mtime,
      ...(target === "" ? {} : { target }),
    });
    return "claimed";
  }

  contents(): void {}
}
