import type { TarFaultCode } from "./errors.ts";

/** What can be wrong with an image; closed, so that a caller can switch over it. */
export type ImageFindingCode =
  /** An archive or a layer is no well-formed tar. */
  | TarFaultCode
  /** An archive has two members of one name. */
  | "member-duplicate"
  /** A member or a file of a layout that is no plain file, or whose name or link leads out. */
  | "member-invalid"
  | "document-missing"
  /** A document that is not JSON, not of the right shape, too large or too deep. */
  | "document-invalid"
  | "blob-missing"
  /** Nothing in an archive refers to it. */
  | "blob-unreferenced"
  | "digest-mismatch"
  | "size-mismatch"
  /** A layer's tar is not what the config says. */
  | "diff-id-mismatch"
  /** A media type nobody knows, or that says something else than the document or the bytes. */
  | "media-type"
  /** Manifest and config have different numbers of layers. */
  | "layer-count"
  /** The history has not one entry for each layer. */
  | "history-count"
  /** The index has another platform for the image than its config. */
  | "platform-mismatch"
  /** `manifest.json` and `index.json` of one archive list different images. */
  | "manifests-disagree"
  /** A compressed layer does not decompress, is cut off, or has something behind its end. */
  | "compression-invalid"
  /** An entry's name is not normalised, leads out of the root, or is one that no file system takes. */
  | "entry-name"
  /** A device or a FIFO. */
  | "entry-type"
  /** A layer has two entries of one name. */
  | "entry-duplicate"
  /** An entry lies below a symlink or a file: whoever unpacks it might write somewhere else. */
  | "entry-through-link"
  /** A directory that an entry lies in is in no layer, so that each runtime makes up its mode and owner. */
  | "parent-missing"
  /** A link leads out of the root. */
  | "link-outside"
  /** A hard link to a file that is not there. */
  | "link-missing"
  /** A whiteout that deletes nothing, or has no name. */
  | "whiteout";

/** Something wrong with an image: what, and where. */
export interface Finding<Code extends string = ImageFindingCode> extends Where {
  readonly code: Code;
  /** What is wrong, without the place. */
  readonly message: string;
}

/** A place of an image, as closely as it is known. */
export interface Where {
  /** The image's name or manifest digest, where there are several. */
  readonly image?: string;
  /** The layer's number, from the bottom up, from 0. */
  readonly layer?: number;
  /** A member of an archive, a file of a layout, or a blob's digest. */
  readonly member?: string;
  /** A path inside a layer, as an absolute one. */
  readonly entry?: string;
}

/** How many findings of one kind are told of one place; the rest is counted. A hostile layer could have millions. */
const MAX_ALIKE = 20;

/** Gathers findings. */
export class FindingList<Code extends string = ImageFindingCode> {
  readonly #findings: Finding<Code>[] = [];
  readonly #counts = new Map<Code, number>();

  add(code: Code, message: string, where: Where = {}): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count <= MAX_ALIKE) this.#findings.push({ code, message, ...where });
  }

  /** All so far; where there were too many of one kind, with one that says how many more. */
  all(where: Where = {}): Finding<Code>[] {
    const more = [...this.#counts].filter(([, count]) => count > MAX_ALIKE);
    const counted = more.map(([code, count]) => ({ code, message: `${count - MAX_ALIKE} more like these` }));
    return [...this.#findings, ...counted].map((finding) => ({ ...where, ...finding }));
  }
}
