import type { Where } from "../finding.ts";
import { documentKind, layerCompression } from "../spec/media-kinds.ts";
import type { ImageContents, LayerContents } from "./contents.ts";
import { readConfig, type ConfigSummary } from "./read-config.ts";
import { checkHead, readDescriptor, type IndexedImage, type ReadDescriptor } from "./read-index.ts";
import { readDocument, understand, type Reading } from "./reading.ts";
import { asFields, asList } from "./shape.ts";

/** Reads an image's manifest and config (OCI image spec, manifest.md), and compares what they say of each other. */
export async function readManifest(
  reading: Reading,
  { descriptor, names, isTop }: IndexedImage,
): Promise<ImageContents> {
  const { digest, size, mediaType } = descriptor;
  const where: Where = { member: digest };
  const blob = await reading.source.blob(descriptor);
  const document = await readDocument(reading, blob, { expected: { digest, size }, where });
  const manifest =
    document &&
    understand(reading, where, () => {
      const fields = asFields(document.value, "the manifest");
      checkHead(reading, fields, { kind: "manifest", mediaType, where });
      return {
        config: readDescriptor(fields["config"], "config"),
        layers: asList(fields["layers"], "layers").map((layer) => readDescriptor(layer, "layers")),
      };
    });
  const image = {
    title: names[0] ?? digest,
    names,
    manifestDigest: digest,
    isTop,
    isArtifact: manifest !== undefined && isArtifact(descriptor, manifest),
  };
  if (manifest === undefined) return { ...image, imageId: undefined, config: undefined, layers: [] };
  if (image.isArtifact) {
    reading.referenced.add((await reading.source.blob(manifest.config))?.name ?? "");
    const layers = await Promise.all(
      manifest.layers.map((layer) => describeLayer(reading, layer, undefined)),
    );
    return { ...image, imageId: undefined, config: undefined, layers };
  }
  const { imageId, config } = await readManifestConfig(reading, descriptor, manifest.config);
  const diffIds = config?.diffIds ?? [];
  if (config !== undefined && diffIds.length !== manifest.layers.length) {
    reading.findings.add(
      "layer-count",
      `the manifest has ${manifest.layers.length} layers, and the config ${diffIds.length}`,
      where,
    );
  }
  const layers = await Promise.all(
    manifest.layers.map((layer, index) => describeLayer(reading, layer, diffIds[index])),
  );
  return { ...image, imageId, config, layers };
}

/** BuildKit's provenance has a platform that there is not; signatures and the like have a config of their own. */
function isArtifact(
  { platform }: ReadDescriptor,
  { config, layers }: { readonly config: ReadDescriptor; readonly layers: readonly ReadDescriptor[] },
): boolean {
  const isNowhere = platform?.os === "unknown" && platform.architecture === "unknown";
  const hasTar = layers.some(({ mediaType }) => layerCompression(mediaType) !== undefined);
  return !hasTar && (isNowhere || documentKind(config.mediaType) !== "config");
}

async function readManifestConfig(
  reading: Reading,
  image: ReadDescriptor,
  descriptor: ReadDescriptor,
): Promise<Pick<ImageContents, "imageId" | "config">> {
  const { digest, size, mediaType } = descriptor;
  const where: Where = { member: digest };
  if (documentKind(mediaType) !== "config")
    reading.findings.add("media-type", `the manifest calls the config '${mediaType}'`, where);
  const blob = await reading.source.blob(descriptor);
  const document = await readDocument(reading, blob, { expected: { digest, size }, where });
  const config = document && understand(reading, where, () => readConfig(document.value));
  if (config !== undefined) checkConfig(reading, config, where);
  const { platform } = image;
  if (
    config !== undefined &&
    platform !== undefined &&
    (platform.os !== config.os || platform.architecture !== config.architecture)
  ) {
    const said = `${platform.os}/${platform.architecture}`;
    const message = `the index says ${said}, and the config ${config.os}/${config.architecture}`;
    reading.findings.add("platform-mismatch", message, where);
  }
  return { imageId: document?.digest, config };
}

/** What a config says of itself. */
export function checkConfig({ findings }: Reading, { history, diffIds }: ConfigSummary, where: Where): void {
  const made = history.filter((entry) => entry.empty_layer !== true).length;
  if (history.length > 0 && made !== diffIds.length)
    findings.add(
      "history-count",
      `the history tells of ${made} layers, and there are ${diffIds.length}`,
      where,
    );
}

async function describeLayer(
  { source, referenced }: Reading,
  descriptor: ReadDescriptor,
  diffId: LayerContents["diffId"],
): Promise<LayerContents> {
  const { digest, size, mediaType } = descriptor;
  const blob = await source.blob(descriptor);
  if (blob !== undefined) referenced.add(blob.name);
  return { name: digest, blob, mediaType, digest, size, diffId };
}
