import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { enableCompileCache, getCompileCacheDir } from "node:module";
import { dirname, join } from "node:path";
import { cacheFolder } from "@stowage/nix/cache-folder";
import type { CacheContents } from "./cache-folder.ts";

const OTHERS_MAY_WRITE = 0o022;
/** Of a folder like `/tmp`: nobody renames or removes what is another's. */
const STICKY = 0o1000;

/**
 * What V8 made of a program's modules, kept in the cache folder from one run to the next: with it `stowage ls` of 120 paths takes
 * 0.21 s in place of 0.26 (Node 24). It is code that is run, so that it is kept only where nobody else can put any.
 */
export class CompiledCode {
  /** Empty for a user without a home. */
  readonly folder: string;
  readonly #isTurnedOff: boolean;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#isTurnedOff = environment["NODE_DISABLE_COMPILE_CACHE"] === "1";
    const parent = cacheFolder(environment);
    this.folder = parent === undefined ? "" : join(parent, "compiled");
  }

  /**
   * Has Node keep what is made of the modules that are loaded from now on, and take what it kept (`module.enableCompileCache`, Node
   * 22.15 to 24). No failure is one: without it everything is only slower.
   * @param version of the program; what was kept of others is removed
   */
  keep(version: string): void {
    // Where NODE_COMPILE_CACHE says so, Node does it already.
    if (this.folder === "" || this.#isTurnedOff || getCompileCacheDir() !== undefined) return;
    const folder = join(this.folder, version);
    try {
      const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
      if (!isOnlyOurs(folder)) return;
      if (isNew) this.#removeBut(version);
      enableCompileCache(folder);
    } catch {}
  }

  /** How many modules, and bytes of all. */
  contents(): CacheContents {
    const files = this.#files();
    return {
      folder: this.folder,
      entries: files.length,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** Removes what is kept; returns what there was. */
  clear(): CacheContents {
    const contents = this.contents();
    if (contents.entries > 0) this.#removeBut();
    return contents;
  }

  #files(): { readonly size: number }[] {
    if (this.folder === "" || !isFolder(this.folder)) return [];
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap(({ parentPath, name }) => lstatSync(join(parentPath, name), { throwIfNoEntry: false }) ?? []);
  }

  #removeBut(version?: string): void {
    for (const name of readdirSync(this.folder))
      if (name !== version) rmSync(join(this.folder, name), { recursive: true, force: true });
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Whether nobody but this user, and the system's, can change what is in a folder, or put another one in its place. */
function isOnlyOurs(path: string): boolean {
  const user = process.geteuid?.();
  let folder = realpathSync(path);
  let { uid, mode } = lstatSync(folder);
  if (uid !== user || (mode & OTHERS_MAY_WRITE) !== 0) return false;
  while (folder !== dirname(folder)) {
    folder = dirname(folder);
    ({ uid, mode } = lstatSync(folder));
    if (uid !== user && uid !== 0) return false;
    if ((mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0) return false;
  }
  return true;
}
