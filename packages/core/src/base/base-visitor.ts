import type { LayerVisitor, PathEntry } from "@stowage/oci";
import { StoreVisitor, type StorePathBudget } from "../verify/store-visitor.ts";
import type { KnownLayer } from "./known-layers.ts";

/** Files of a base that are read, as a layer names them. */
const WANTED: ReadonlySet<string> = new Set(["etc/passwd", "etc/group"]);
/** A larger one is read when it is asked for. */
const MAX_BYTES = 1024 * 1024;

/** Sees a base's layer pass by: its store paths, and files that are asked for later. */
export class BaseVisitor implements LayerVisitor {
  readonly #store: StoreVisitor;
  readonly #files = new Map<string, Buffer>();
  #open: { readonly path: string; readonly chunks: Buffer[] } | undefined;

  /** @param budget that of all layers of the base */
  constructor(storeDir: string, budget: StorePathBudget) {
    this.#store = new StoreVisitor(storeDir, new Set(), budget);
  }

  entry(entry: PathEntry): "claimed" | "shared" | "left" {
    this.#close();
    const path = entry.path.toString("latin1");
    if (!WANTED.has(path)) return this.#store.entry(entry);
    this.#files.delete(path);
    if (entry.type !== "file" || entry.size > MAX_BYTES) return "left";
    this.#open = { path, chunks: [] };
    return "shared";
  }

  contents(chunk: Uint8Array): void {
    if (this.#open === undefined) this.#store.contents(chunk);
    else this.#open.chunks.push(Buffer.from(chunk));
  }

  /** Ends it. */
  finish(): Omit<KnownLayer, "facts"> {
    this.#close();
    const storePaths = this.#store.finish().paths.map(({ path, nar }) => ({ path, narHash: nar?.hash }));
    return { storePaths, files: this.#files };
  }

  #close(): void {
    if (this.#open !== undefined) this.#files.set(this.#open.path, Buffer.concat(this.#open.chunks));
    this.#open = undefined;
  }
}
