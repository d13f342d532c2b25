import type { VerifiedImage } from "@stowage/oci";
import { packageOf } from "../analyze/package-of.ts";
import type { InspectedLayer, InspectedPath, InspectedWaste } from "../inspect-options.ts";
import type { LayerStorePath } from "../verify/store-visitor.ts";
import type { LayerHoldings } from "./inspect-reading.ts";

/** The layers of an image as they are, with what is in each. */
export function describeLayers(
  { contents, layers }: VerifiedImage,
  holdings: readonly LayerHoldings[],
  waste: InspectedWaste | undefined,
): InspectedLayer[] {
  const hiddenSizes = new Map<number, number>();
  for (const { layer, size } of waste?.hidden ?? [])
    hiddenSizes.set(layer, (hiddenSizes.get(layer) ?? 0) + size);
  return contents.layers.map(({ mediaType }, index) => {
    const facts = layers[index];
    const { paths, files } = holdings[index] as LayerHoldings;
    return {
      ...(facts === undefined ? {} : { digest: facts.stored.digest }),
      ...(!facts?.isWhole || facts.diffId === undefined ? {} : { diffId: facts.diffId }),
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(facts === undefined ? {} : { compression: facts.compression }),
      size: facts?.stored.size ?? 0,
      plainSize: facts?.plainSize ?? 0,
      entries: facts?.entries ?? 0,
      contentSize: files.reduce((sum, { size }) => sum + size, 0),
      hiddenSize: hiddenSizes.get(index) ?? 0,
      storePaths: paths.map(describePath),
    };
  });
}

function describePath({ path, nar }: LayerStorePath): InspectedPath {
  const { name, version } = packageOf({ path });
  return { path, name, version, ...(nar === undefined ? {} : { narSize: nar.size, narHash: nar.hash }) };
}
