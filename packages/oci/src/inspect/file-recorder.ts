import { createHash, type Hash } from "node:crypto";
import { OciError } from "../errors.ts";
import type { TarEntryType } from "../layer/header-decoder.ts";
import type { LayerVisitor, PathEntry } from "../verify/inspect-layer.ts";

/** One entry of a layer, for whoever counts bytes. */
export interface FileRecord {
  /** From the root, without slashes around it, as Latin-1 so that each byte counts; empty for the root. */
  readonly path: string;
  readonly type: TarEntryType;
  /** Bytes of contents. */
  readonly size: number;
  /** Stands for the contents: equal for equal ones; empty where there are none. */
  readonly content: string;
}

/** What may be remembered of one source's entries in all; a system with a desktop has half a million files. */
const MAX_RECORDS = 1_000_000;
const MAX_PATH_BYTES = 128 * 1024 * 1024;
/** Of a SHA-256: enough that no two contents meet by chance. */
const CONTENT_BYTES = 16;

/** How much the recorders of one source have remembered together. */
export class RecordBudget {
  #records = 0;
  #bytes = 0;

  /** @throws OciError `tar-too-large` */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (++this.#records > MAX_RECORDS || this.#bytes > MAX_PATH_BYTES)
      throw new OciError(
        "tar-too-large",
        `the layers have ${this.#records} entries or more: too many to look at`,
      );
  }
}

/** Records the entries of a layer as they pass by, with memory for their names and none for their contents. */
export class FileRecorder implements LayerVisitor {
  readonly #budget: RecordBudget;
  readonly #records: FileRecord[] = [];
  #open: { readonly record: Omit<FileRecord, "content">; readonly hash: Hash; left: number } | undefined;

  constructor(budget: RecordBudget) {
    this.#budget = budget;
  }

  /** @throws OciError `tar-too-large` */
  entry({ path, type, size }: PathEntry): "claimed" {
    this.#budget.take(path.length);
    const record = { path: path.toString("latin1"), type, size };
    if (size === 0) this.#records.push({ ...record, content: "" });
    else this.#open = { record, hash: createHash("sha256"), left: size };
    return "claimed";
  }

  contents(chunk: Uint8Array): void {
    const open = this.#open;
    if (open === undefined) return;
    open.hash.update(chunk);
    open.left -= chunk.length;
    if (open.left > 0) return;
    const content = open.hash.digest().toString("latin1", 0, CONTENT_BYTES);
    this.#records.push({ ...open.record, content });
    this.#open = undefined;
  }

  /** In the order of the layer. */
  finish(): readonly FileRecord[] {
    return this.#records;
  }
}
