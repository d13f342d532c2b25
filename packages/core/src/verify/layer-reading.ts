import type { StorePath } from "@stowage/nix";
import { inspectLayer, type Contents, type LayerFacts, type StoredBlob } from "@stowage/oci";
import { CoreError } from "../errors.ts";
import { countedBlob, totalSize } from "../inspect/counted-blob.ts";
import type { VerifyOptions } from "../verify-options.ts";
import { watchedPlaces } from "./entrypoint.ts";
import type { VerifyFinding } from "./finding.ts";
import type { ReadRecord } from "./read-record.ts";
import { StorePathBudget, StoreVisitor, type LayerStorePath } from "./store-visitor.ts";

const DEFAULT_STORE_DIR = "/nix/store";

/** Places inside store paths that are remembered of a stream, until its config says which of them count. */
const WATCHED_PLACES = 200_000;

/** The reading of layers: what each has of the store is kept beside what the image's form is judged by. */
export class LayerReading {
  readonly #options: VerifyOptions;
  readonly #facts = new Map<string, LayerFacts>();
  readonly #found = new Map<string, ReturnType<StoreVisitor["finish"]>>();
  /** What is not known yet while a stream is read: then all places are watched, as far as there is room. */
  #storeDir = DEFAULT_STORE_DIR;
  #watched: ReadonlySet<string> | undefined;
  #room = { left: WATCHED_PLACES };
  readonly #budget = new StorePathBudget();
  #total = 0;
  #read = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /** Tells what the documents say, before any layer is read, or after a stream has passed by. */
  expect(contents: Contents, records: readonly ReadRecord[]): void {
    // Images of one place come from one store; those without a record, from the usual one.
    const storeDir =
      records.find(({ record }) => record !== undefined)?.record?.storeDir ?? DEFAULT_STORE_DIR;
    if (this.#facts.size > 0 && storeDir !== this.#storeDir) {
      const message = `its store paths lie in ${storeDir}, which the stream says when they have passed by`;
      throw new CoreError("option-invalid", message, { hint: "Write it to a file first, and name that." });
    }
    this.#storeDir = storeDir;
    this.#watched = new Set(contents.images.flatMap(({ config }) => [...watchedPlaces(config)]));
    this.#total = totalSize(contents.images.flatMap(({ layers }) => layers.map(({ blob }) => blob)));
  }

  get paths(): StorePath[] {
    return [...this.#found.values()].flatMap(({ paths }) => paths.map(({ path }) => path));
  }

  async inspect(blob: StoredBlob): Promise<LayerFacts> {
    const known = this.#facts.get(blob.name);
    if (known !== undefined) return known;
    const visitor = new StoreVisitor(this.#storeDir, this.#watched ?? this.#room, this.#budget);
    const facts = await inspectLayer(this.#counted(blob), { signal: this.#options.signal, visitor });
    this.#found.set(blob.name, visitor.finish());
    this.#facts.set(blob.name, facts);
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
    // How long a stream is nobody knows.
    if (onProgress === undefined || this.#watched === undefined) return blob;
    return countedBlob(blob, (bytes) =>
      onProgress({ phase: "verify", read: (this.#read += bytes), total: this.#total }),
    );
  }
}
