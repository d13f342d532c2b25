import type { StorePath } from "@stowage/nix";
import { inspectLayer, type Contents, type StoredBlob } from "@stowage/oci";
import { countedBlob, totalSize } from "../inspect/counted-blob.ts";
import type { VerifyOptions } from "../verify-options.ts";
import { watchedPlaces } from "./entrypoint.ts";
import type { VerifyFinding } from "./finding.ts";
import type { ReadRecord } from "./read-record.ts";
import { StoreVisitor, type LayerStorePath } from "./store-visitor.ts";

const DEFAULT_STORE_DIR = "/nix/store";

/** The reading of layers: what each has of the store is kept beside what the image's form is judged by. */
export class LayerReading {
  readonly #storeDir: string;
  readonly #watched: ReadonlySet<string>;
  readonly #options: VerifyOptions;
  readonly #found = new Map<string, ReturnType<StoreVisitor["finish"]>>();
  readonly #total: number;
  #read = 0;

  constructor(contents: Contents, records: readonly ReadRecord[], options: VerifyOptions) {
    // Images of one place come from one store; those without a record, from the usual one.
    this.#storeDir =
      records.find(({ record }) => record !== undefined)?.record?.storeDir ?? DEFAULT_STORE_DIR;
    this.#watched = new Set(contents.images.flatMap(({ config }) => [...watchedPlaces(config)]));
    this.#options = options;
    this.#total = totalSize(contents.images.flatMap(({ layers }) => layers.map(({ blob }) => blob)));
  }

  get paths(): StorePath[] {
    return [...this.#found.values()].flatMap(({ paths }) => paths.map(({ path }) => path));
  }

  async inspect(blob: StoredBlob): ReturnType<typeof inspectLayer> {
    const visitor = new StoreVisitor(this.#storeDir, this.#watched);
    const facts = await inspectLayer(this.#counted(blob), { signal: this.#options.signal, visitor });
    this.#found.set(blob.name, visitor.finish());
    return facts;
  }

  pathsOf(blob: StoredBlob): readonly LayerStorePath[] {
    return this.#found.get(blob.name)?.paths ?? [];
  }

  strangersOf(blob: StoredBlob | undefined, layer: number): VerifyFinding[] {
    const strangers = (blob && this.#found.get(blob.name)?.strangers) ?? [];
    return strangers.map((entry) => ({
      code: "store-entry",
      message: "it lies in the store directory and is no store path",
      entry,
      layer,
    }));
  }

  /** The blob with its bytes counted as they pass by. */
  #counted(blob: StoredBlob): StoredBlob {
    const { onProgress } = this.#options;
    if (onProgress === undefined) return blob;
    return countedBlob(blob, (bytes) =>
      onProgress({ phase: "verify", read: (this.#read += bytes), total: this.#total }),
    );
  }
}
