import { ListingWriter } from "@stowage/nix/thread";
import { layerSize } from "@stowage/oci/thread";
import type { SizedLayer } from "./layer-task.ts";
import { storeEntries, type StoreLayerContent, type StoreTree } from "./store-entries.ts";

/** A layer's listings are kept up to this many bytes: room for half a million files. */
const LISTING_BYTES = 32 * 1024 * 1024;

/** Sizes a layer, and remembers what its trees hold: reading the directories a second time took 6 % of the CPU time of a pack. */
export function sizeLayer(content: StoreLayerContent): SizedLayer {
  let listing: ListingWriter[] | undefined = content.trees.map(() => new ListingWriter());
  let bytes = 0;
  const entries = storeEntries(content, {
    onEntry(entry, tree) {
      const writer = listing?.[tree];
      // A NAR is read again as fast as its listing.
      if (writer === undefined || "narFile" in (content.trees[tree] as StoreTree).location) return;
      bytes -= writer.length;
      writer.add(entry);
      bytes += writer.length;
      if (bytes > LISTING_BYTES) listing = undefined;
    },
  });
  return { size: layerSize(entries), listings: listing?.map((writer) => writer.finish()) };
}
