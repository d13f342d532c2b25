import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NixError } from "../errors.ts";
import { narChunks } from "../nar/nar-chunks.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import { isStorePathBaseName, parseStorePath, storePathBaseName, type StorePath } from "../store-path.ts";
import { readDiskTree } from "../tree/disk-tree.ts";
import type { DiskLocation } from "../tree/tree.ts";
import { runNixStore } from "./nix-store-command.ts";
import { queryClosure } from "./query-closure.ts";
import { queryValid } from "./query-valid.ts";
import { rankPackages } from "./rank-packages.ts";
import { resolveTarget } from "./resolve-target.ts";
import type { StoreLocation } from "./store-location.ts";
import type { OpenTrees, Protection, Store, StoreCallOptions, Target } from "./store.ts";
import { takeTemporaryRoot } from "./temporary-root.ts";

/** A store whose files are on this machine: single-user, behind a daemon, or under another root. */
export class LocalStore implements Store {
  readonly storeDir: string;
  readonly #location: StoreLocation;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(location: StoreLocation, environment: NodeJS.ProcessEnv) {
    this.storeDir = location.storeDir;
    this.#location = location;
    this.#environment = environment;
  }

  resolveTarget(target: string): Promise<Target> {
    return resolveTarget(target, this.#location);
  }

  queryClosure(roots: readonly StorePath[], options: StoreCallOptions = {}): Promise<Closure> {
    return queryClosure(roots, this.#location, { ...options, environment: this.#environment });
  }

  queryValid(paths: readonly StorePath[], options: StoreCallOptions = {}): Promise<PathInfo[]> {
    return queryValid(paths, this.#location, { ...options, environment: this.#environment });
  }

  protect(roots: readonly StorePath[], options: StoreCallOptions = {}): Promise<Protection> {
    return takeTemporaryRoot(roots, this.#location, {
      environment: this.#environment,
      signal: options.signal,
    });
  }

  locateTree(path: StorePath): DiskLocation {
    return { directory: join(this.#location.physicalDir, storePathBaseName(path)) };
  }

  async openTrees(): Promise<OpenTrees> {
    return { locate: (path) => this.locateTree(path), [Symbol.asyncDispose]: async () => {} };
  }

  async *readNar(path: StorePath): AsyncGenerator<Uint8Array> {
    yield* narChunks(readDiskTree(this.locateTree(path)));
  }

  /** The files are here. */
  expectNars(): void {}

  async findPackages(names: readonly string[], options: StoreCallOptions = {}): Promise<StorePath[]> {
    const entries = (await readdir(this.#location.physicalDir).catch(() => [])).filter(isStorePathBaseName);
    const paths = entries.map((name) => parseStorePath(`${this.storeDir}/${name}`, this.storeDir));
    const valid: StorePath[] = [];
    for (const path of rankPackages(paths, names)) if (await this.#isValid(path, options)) valid.push(path);
    return valid;
  }

  async #isValid(path: StorePath, options: StoreCallOptions): Promise<boolean> {
    try {
      await runNixStore([...this.#location.arguments, "--check-validity", path], {
        environment: this.#environment,
        signal: options.signal,
        onlyReads: true,
      });
      return true;
    } catch (error) {
      if (error instanceof NixError && (error.code === "path-invalid" || error.code === "nix-failed"))
        return false;
      throw error;
    }
  }
}
