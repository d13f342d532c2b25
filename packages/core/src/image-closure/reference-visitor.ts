import { storePathBaseName, storePathHashPart, type StorePath } from "@stowage/nix";
import type { LayerVisitor, PathEntry } from "@stowage/oci";
import { StorePathBudget, StoreVisitor, type LayerStorePath } from "../verify/store-visitor.ts";
import { HashScanner } from "./hash-scanner.ts";

const SLASH = 0x2f;

/**
 * Finds, while a layer passes by, which of an image's store paths each of them names: in contents, in targets of
 * symlinks, in names of files. That is how Nix itself finds references.
 */
export class ReferenceVisitor implements LayerVisitor {
  readonly #store: StoreVisitor;
  readonly #prefix: Buffer;
  readonly #byHash: ReadonlyMap<string, StorePath>;
  readonly #byName: ReadonlyMap<string, StorePath>;
  readonly #references: Map<StorePath, Set<StorePath>>;
  readonly #scanner: HashScanner;
  #current: Set<StorePath> | undefined;

  /**
   * @param paths all of the image
   * @param references what is found is added to it
   */
  constructor(storeDir: string, paths: readonly StorePath[], references: Map<StorePath, Set<StorePath>>) {
    this.#store = new StoreVisitor(storeDir, new Set(), new StorePathBudget());
    this.#prefix = Buffer.from(`${storeDir.slice(1)}/`);
    this.#byHash = new Map(paths.map((path) => [storePathHashPart(path), path]));
    this.#byName = new Map(paths.map((path) => [storePathBaseName(path), path]));
    this.#references = references;
    this.#scanner = new HashScanner(new Set(this.#byHash.keys()), (hash) => {
      const path = this.#byHash.get(hash);
      if (path !== undefined) this.#current?.add(path);
    });
  }

  entry(entry: PathEntry): "claimed" | "left" {
    const verdict = this.#store.entry(entry);
    if (verdict === "left") return "left";
    const { path, linkName } = entry;
    const inside = path.subarray(this.#prefix.length);
    const slash = inside.indexOf(SLASH);
    const owner = this.#byName.get(inside.toString("latin1", 0, slash === -1 ? undefined : slash));
    if (owner === undefined) return "claimed";
    const found = this.#references.get(owner) ?? new Set();
    this.#references.set(owner, found);
    this.#current = found;
    // The path's own name is not part of its NAR.
    if (slash !== -1) this.#scan(inside.subarray(inside.lastIndexOf(SLASH) + 1));
    this.#scan(linkName);
    this.#scanner.reset();
    return "claimed";
  }

  contents(chunk: Uint8Array): void {
    this.#store.contents(chunk);
    this.#scanner.push(chunk);
  }

  finish(): readonly LayerStorePath[] {
    return this.#store.finish().paths;
  }

  #scan(bytes: Buffer): void {
    this.#scanner.reset();
    this.#scanner.push(bytes);
  }
}
