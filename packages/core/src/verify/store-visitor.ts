import {
  isStorePathBaseName,
  NarHasher,
  NixError,
  parseStorePath,
  type NarHash,
  type StorePath,
} from "@stowage/nix";
import { OciError, type LayerVisitor, type PathEntry } from "@stowage/oci";
import { escapeBytes } from "../analyze/escape-bytes.ts";

/** One store path as a layer has it. */
export interface LayerStorePath {
  readonly path: StorePath;
  /** Undefined where it is no tree that a store can hold. */
  readonly nar: { readonly hash: NarHash; readonly size: number } | undefined;
  /** Why there is no hash. */
  readonly failure: EntryFault | undefined;
  /** What is not as Nix makes it, of the first entry that is not. */
  readonly metadata: EntryFault | undefined;
  /** Of the watched places, those that are there. */
  readonly seen: ReadonlyMap<string, "symlink" | "other">;
  /** Whether there was room to remember all of them. */
  readonly sawAll: boolean;
}

/** Something about one entry. */
export interface EntryFault {
  readonly entry: string;
  readonly reason: string;
}

/** Places inside store paths, such as `bin/hello`, whose being there counts; or how many of all there is room for. */
export type Watched = ReadonlySet<string> | { left: number };

/** Store paths, whole or in pieces, that the layers of one image may have together; real closures have some ten thousand. */
export class StorePathBudget {
  #left = 100_000;

  /** @throws OciError `tar-too-large` */
  take(): void {
    if (this.#left-- > 0) return;
    throw new OciError(
      "tar-too-large",
      "the layers have more store paths, or pieces of them, than any closure",
    );
  }
}

const SLASH = 0x2f;
const OWNER_MAY_RUN = 0o100;
/** Nix gives everything in a store the same time, one second after the epoch (`canonicalisePathMetaData`). */
const MTIME = 1;

/**
 * Computes the NAR hash of each store path while a layer passes by, with memory for none of its contents. A layer that
 * Stowage, nixpkgs or another tool in NAR order wrote has all of a path together.
 */
export class StoreVisitor implements LayerVisitor {
  readonly #storeDir: string;
  readonly #prefix: Buffer;
  readonly #watched: Watched;
  readonly #budget: StorePathBudget;
  readonly #paths: LayerStorePath[] = [];
  readonly #strangers: string[] = [];
  #current: OpenPath | undefined;

  /**
   * @param storeDir `/nix/store`
   * @param budget that of all layers of an image
   */
  constructor(storeDir: string, watched: Watched, budget: StorePathBudget) {
    this.#storeDir = storeDir;
    this.#budget = budget;
    this.#prefix = Buffer.from(`${storeDir.slice(1)}/`);
    this.#watched = watched;
  }

  /** @throws OciError `tar-too-large` */
  entry(entry: PathEntry): "claimed" | "shared" | "left" {
    const { path } = entry;
    const start = this.#prefix.length;
    if (path.length <= start || path.compare(this.#prefix, 0, start, 0, start) !== 0) return "left";
    const slash = path.indexOf(SLASH, start);
    const end = slash === -1 ? path.length : slash;
    if (this.#current?.isOf(path, start, end) !== true) {
      this.#finish();
      const name = path.toString("latin1", start, end);
      if (!isStorePathBaseName(name)) {
        this.#strangers.push(`/${escapeBytes(path)}`);
        return "left";
      }
      this.#budget.take();
      const storePath = parseStorePath(`${this.#storeDir}/${name}`, this.#storeDir);
      this.#current = new OpenPath(storePath, path.subarray(start, end), this.#watched);
    }
    this.#current?.add(entry, end === path.length ? path.subarray(0, 0) : path.subarray(end + 1));
    return end === path.length ? "shared" : "claimed";
  }

  contents(chunk: Uint8Array): void {
    this.#current?.contents(chunk);
  }

  /** Ends it. */
  finish(): { readonly paths: readonly LayerStorePath[]; readonly strangers: readonly string[] } {
    this.#finish();
    return { paths: this.#paths, strangers: this.#strangers };
  }

  #finish(): void {
    if (this.#current !== undefined) this.#paths.push(this.#current.finish());
    this.#current = undefined;
  }
}

/** The store path whose entries are coming. */
class OpenPath {
  readonly #path: StorePath;
  readonly #name: Buffer;
  readonly #watched: Watched;
  readonly #hasher = new NarHasher();
  readonly #seen = new Map<string, "symlink" | "other">();
  #sawAll = true;
  #failure: EntryFault | undefined;
  #metadata: EntryFault | undefined;

  constructor(path: StorePath, name: Buffer, watched: Watched) {
    this.#path = path;
    this.#name = name;
    this.#watched = watched;
  }

  /** Whether bytes of a path are this store path's name. */
  isOf(path: Buffer, start: number, end: number): boolean {
    return end - start === this.#name.length && path.compare(this.#name, 0, end - start, start, end) === 0;
  }

  /** @param inside the entry's path inside the store path, empty for itself */
  add(entry: PathEntry, inside: Buffer): void {
    this.#metadata ??= this.#faultAt(inside, metadataFault(entry));
    this.#watch(entry, inside);
    this.#attempt(inside, () => this.#hash(entry, inside));
  }

  contents(chunk: Uint8Array): void {
    this.#attempt(Buffer.alloc(0), () => this.#hasher.contents(chunk));
  }

  finish(): LayerStorePath {
    let nar: LayerStorePath["nar"];
    this.#attempt(Buffer.alloc(0), () => (nar = this.#hasher.finish()));
    return {
      path: this.#path,
      nar,
      failure: this.#failure,
      metadata: this.#metadata,
      seen: this.#seen,
      sawAll: this.#sawAll,
    };
  }

  #hash(entry: PathEntry, inside: Buffer): void {
    const { type, mode, size, linkName } = entry;
    if (type === "directory") this.#hasher.begin({ type, path: inside });
    else if (type === "symlink") this.#hasher.begin({ type, path: inside, target: linkName });
    else if (type === "file")
      this.#hasher.begin({ type, path: inside, executable: (mode & OWNER_MAY_RUN) !== 0, size });
    else throw new NixError("tree-invalid", `it is a ${type}, which no store holds`);
    const name = inside.subarray(inside.lastIndexOf(SLASH) + 1);
    if (name.subarray(0, 4).equals(WHITEOUT))
      throw new NixError("tree-invalid", "it is a whiteout, which deletes a file of the path");
  }

  #watch({ type }: PathEntry, inside: Buffer): void {
    if (!("left" in this.#watched)) {
      if (this.#watched.size === 0 || inside.length > 4096 || !this.#watched.has(inside.toString())) return;
    } else if (inside.length > 4096 || this.#watched.left === 0) {
      this.#sawAll = false;
      return;
    } else this.#watched.left--;
    this.#seen.set(inside.toString(), type === "symlink" ? "symlink" : "other");
  }

  /** Nothing of the hash is of use after an error. */
  #attempt(inside: Buffer, step: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      step();
    } catch (error) {
      if (!(error instanceof NixError)) throw error;
      this.#failure = this.#faultAt(inside, error.message);
    }
  }

  #faultAt(inside: Buffer, reason: string | undefined): EntryFault | undefined {
    if (reason === undefined) return undefined;
    return { entry: inside.length === 0 ? this.#path : `${this.#path}/${escapeBytes(inside)}`, reason };
  }
}

const WHITEOUT = Buffer.from(".wh.");

/** What of an entry is not as Nix makes it; undefined where nothing is. A symlink has no mode. */
function metadataFault({ type, mode, uid, gid, mtime, hasAttributes }: PathEntry): string | undefined {
  const modes = type === "directory" ? [0o555] : type === "file" ? [0o444, 0o555] : [mode];
  if (!modes.includes(mode & 0o7777))
    return `its mode is ${octal(mode & 0o7777)}, not ${modes.map(octal).join(" or ")}`;
  if (uid !== 0 || gid !== 0) return `its owner is ${uid}:${gid}, not 0:0`;
  if (mtime !== MTIME) return `its time is ${mtime}, not ${MTIME}`;
  return hasAttributes ? "it has extended attributes" : undefined;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
