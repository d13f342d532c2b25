import type { Where } from "../finding.ts";
import { fullName, parseImageName } from "../spec/image-name.ts";
import { parseDigest, type Digest } from "../spec/digest.ts";
import type { ImageContents, LayerContents } from "./contents.ts";
import { readConfig } from "./read-config.ts";
import { checkConfig } from "./read-manifest.ts";
import { readDocument, understand, type Document, type Reading } from "./reading.ts";
import { asFields, asList, asOptionalList, asText } from "./shape.ts";

/** An image of a `manifest.json` as `docker save` writes it. */
export interface DockerImage {
  readonly config: string;
  readonly layers: readonly string[];
  /** In full. */
  readonly names: readonly string[];
}

const WHERE: Where = { member: "manifest.json" };
const MAX_IMAGES = 10_000;

/** Lists the images of a `manifest.json`. */
export function listDockerImages(reading: Reading, { value }: Document): DockerImage[] {
  const images = understand(reading, WHERE, () =>
    asList(value, "manifest.json").map((entry) => {
      const image = asFields(entry, "manifest.json");
      return {
        config: asText(image["Config"], "Config"),
        layers: asOptionalList(image["Layers"], "Layers").map((layer) => asText(layer, "Layers")),
        names: asOptionalList(image["RepoTags"], "RepoTags").map((tag) => inFull(asText(tag, "RepoTags"))),
      };
    }),
  );
  if (images !== undefined && images.length > MAX_IMAGES)
    reading.findings.add("document-invalid", `it lists more than ${MAX_IMAGES} images`, WHERE);
  return (images ?? []).slice(0, MAX_IMAGES);
}

/** Reads one image of an archive that has no index. */
export async function readDockerImage(reading: Reading, image: DockerImage): Promise<ImageContents> {
  const { source, findings, referenced } = reading;
  const where: Where = { member: image.config };
  const document = await readDocument(reading, await source.member(image.config), {
    expected: { digest: digestInName(image.config) },
    where,
  });
  const config = document && understand(reading, where, () => readConfig(document.value));
  if (config !== undefined) {
    checkConfig(reading, config, where);
    if (config.diffIds.length !== image.layers.length) {
      const message = `manifest.json has ${image.layers.length} layers, and the config ${config.diffIds.length}`;
      findings.add("layer-count", message, where);
    }
  }
  const layers = await Promise.all(
    image.layers.map(async (name, index): Promise<LayerContents> => {
      const blob = await source.member(name);
      if (blob !== undefined) referenced.add(blob.name);
      const digest = blob && digestInBlobName(blob.name);
      return { name, blob, mediaType: undefined, digest, size: undefined, diffId: config?.diffIds[index] };
    }),
  );
  return {
    title: image.names[0] ?? image.config,
    names: image.names,
    manifestDigest: undefined,
    imageId: document?.digest,
    config,
    layers,
    isArtifact: false,
    isTop: true,
  };
}

/** A config's member is named by its digest, whoever writes it: `<64 digits>.json`, `blobs/sha256/<64 digits>`. */
function digestInName(name: string): Digest | undefined {
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  return hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
}

function digestInBlobName(name: string): Digest | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  return hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
}

/** Names in one line, in an order of their own. */
export function listNames(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.toSorted().join(", ");
}

function inFull(tag: string): string {
  try {
    return fullName(parseImageName(tag));
  } catch {
    return tag;
  }
}
