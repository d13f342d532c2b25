import { inspectLayer, type LayerVisitor, type PathEntry, type StoredBlob } from "@stowage/oci";
import { FileRecorder, RecordBudget, type FileRecord } from "@stowage/oci/internal";
import { StorePathBudget, StoreVisitor, type LayerStorePath } from "../verify/store-visitor.ts";

/** What a layer holds: its store paths, and all its files. */
export interface LayerHoldings {
  readonly paths: readonly LayerStorePath[];
  readonly files: readonly FileRecord[];
}

/** The reading of layers for {@link inspect}: each once, with memory for names only. */
export class InspectReading {
  readonly #storeDir: string;
  readonly #budget = new RecordBudget();
  readonly #paths = new StorePathBudget();
  readonly #holdings = new Map<string, LayerHoldings>();

  /** @param storeDir `/nix/store` */
  constructor(storeDir: string) {
    this.#storeDir = storeDir;
  }

  async inspect(blob: StoredBlob, signal: AbortSignal | undefined): ReturnType<typeof inspectLayer> {
    const visitor = new HoldingsVisitor(
      new StoreVisitor(this.#storeDir, new Set(), this.#paths),
      new FileRecorder(this.#budget),
    );
    const facts = await inspectLayer(blob, { signal, visitor });
    this.#holdings.set(blob.name, visitor.finish());
    return facts;
  }

  /** Nothing of a layer that is not there. */
  holdingsOf(blob: StoredBlob | undefined): LayerHoldings {
    return (blob && this.#holdings.get(blob.name)) ?? { paths: [], files: [] };
  }
}

/** Shows a layer's entries to two visitors. */
class HoldingsVisitor implements LayerVisitor {
  readonly #store: StoreVisitor;
  readonly #files: FileRecorder;
  #isInStore = false;

  constructor(store: StoreVisitor, files: FileRecorder) {
    this.#store = store;
    this.#files = files;
  }

  entry(entry: PathEntry): "claimed" {
    this.#isInStore = this.#store.entry(entry) !== "left";
    return this.#files.entry(entry);
  }

  contents(chunk: Uint8Array): void {
    if (this.#isInStore) this.#store.contents(chunk);
    this.#files.contents(chunk);
  }

  finish(): LayerHoldings {
    return { paths: this.#store.finish().paths, files: this.#files.finish() };
  }
}
