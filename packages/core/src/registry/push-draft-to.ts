import {
  familiarName,
  fullName,
  parseImageName,
  pushDraft,
  Repository,
  type ImageDraft,
  type ImageName,
  type LayerWriteOptions,
  type WrittenImage,
} from "@stowage/oci";
import { attachFiles, type AttachedFile, type Attachment } from "./attach-files.ts";
import type { EarlyHints } from "./early-hints.ts";
import type { Registries } from "./registry-access.ts";

/** One name that an image went to in a registry. */
export interface PushedName {
  /** `registry.example/app:1`. */
  readonly reference: string;
  readonly manifestDigest: string;
  /** Bytes that were sent to its repository; 0 where the registry had everything. */
  readonly sent: number;
}

/** Where images are pushed to: names of one repository go together. */
export interface PushPlace {
  readonly domain: string;
  readonly repository: string;
  readonly names: readonly ImageName[];
}

/**
 * Reads the references that an image is pushed to.
 * @throws OciError `image-invalid`
 */
export function parsePushPlaces(references: readonly string[]): PushPlace[] {
  const names = references.map((reference) => parseImageName(reference));
  const groups = Map.groupBy(names, ({ domain, repository }) => `${domain}/${repository}`);
  return [...groups.values()].map((group) => {
    const { domain, repository } = group[0] as ImageName;
    const distinct = [...new Map(group.map((name) => [fullName(name), name])).values()];
    return { domain, repository, names: distinct };
  });
}

/**
 * Pushes an image to each place in turn; what the first has found out of the layers the next needs not find out again, and
 * layers are mounted from a repository that has them.
 * @param options `known`: the image as it was written somewhere else already; `attach`: files that are attached to it
 * @throws OciError
 */
export async function pushDraftTo(
  draft: ImageDraft,
  to: {
    readonly places: readonly PushPlace[];
    readonly registries: Registries;
    readonly hints: EarlyHints | undefined;
  },
  options: LayerWriteOptions & {
    readonly known: WrittenImage | undefined;
    readonly attach: readonly Attachment[];
  },
): Promise<DraftPushes> {
  const { signal, onBytes } = options;
  let written = options.known;
  const pushed: PushedName[] = [];
  const attached: AttachedFile[] = [];
  for (const [index, { domain, repository, names }] of to.places.entries()) {
    const target = new Repository(to.registries.get(domain), repository, "pull,push");
    const mountFrom = to.places
      .slice(0, index)
      .filter((before) => before.domain === domain)
      .map((before) => before.repository);
    const tags = names.map(({ tag }) => tag);
    const hints = await to.hints?.for(index);
    const { sent, manifest, ...image } = await pushDraft(
      draft,
      { repository: target, tags },
      { known: written?.layers, mountFrom, hints, signal, onBytes },
    );
    written = image;
    pushed.push(
      ...names.map((name) => ({
        reference: familiarName(name),
        manifestDigest: image.manifestDigest,
        sent,
      })),
    );
    attached.push(...(await attachFiles(options.attach, { repository: target, subject: manifest, signal })));
  }
  return { written, pushed, attached };
}

/** What came of it. */
export interface DraftPushes {
  readonly written: WrittenImage | undefined;
  readonly pushed: readonly PushedName[];
  readonly attached: readonly AttachedFile[];
}
