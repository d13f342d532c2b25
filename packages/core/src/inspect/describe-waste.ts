import { OciError } from "@stowage/oci";
import { measureWaste, type FileRecord } from "@stowage/oci/internal";
import { escapeBytes } from "../analyze/escape-bytes.ts";
import type { InspectedWaste } from "../inspect-options.ts";
import type { VerifyFinding } from "../verify/finding.ts";
import type { LayerHoldings } from "./inspect-reading.ts";

/** What an image wastes; undefined, with a finding, where there is too much in it. */
export function describeWaste(
  layers: readonly LayerHoldings[],
  onFinding: (finding: VerifyFinding) => void,
): InspectedWaste | undefined {
  try {
    const waste = measureWaste(layers.map(({ files }) => files));
    return {
      ...waste,
      hidden: waste.hidden.map(({ record, layer, by, reason }) => ({
        path: shownPath(record),
        size: record.size,
        layer,
        by,
        reason,
      })),
      repeated: waste.repeated.map(({ places, ...sizes }) => ({
        ...sizes,
        places: places.map(({ record, layer }) => ({ path: shownPath(record), layer })),
      })),
    };
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "tar-too-large") throw error;
    onFinding({ code: error.code, message: error.message });
    return undefined;
  }
}

function shownPath({ path }: FileRecord): string {
  return `/${escapeBytes(Buffer.from(path, "latin1"))}`;
}
