import { CacheFolder, type CacheContents, type CacheFolderOptions } from "./cache-folder.ts";

/** One kind of thing that is remembered from one process to the next, in a folder of its own. */
export abstract class Remembered implements Disposable {
  protected readonly entries: CacheFolder;

  protected constructor(environment: NodeJS.ProcessEnv, options: CacheFolderOptions) {
    this.entries = new CacheFolder(environment, options);
  }

  /** Empty for a user without a home, of whom nothing is remembered. */
  get folder(): string {
    return this.entries.folder;
  }

  /** What there is. */
  contents(): CacheContents {
    return this.entries.contents();
  }

  /** Removes all entries; returns what there was. */
  clear(): CacheContents {
    return this.entries.clear();
  }

  /** Removes those that were not taken for longest, where there are too many. */
  [Symbol.dispose](): void {
    this.entries[Symbol.dispose]();
  }
}
