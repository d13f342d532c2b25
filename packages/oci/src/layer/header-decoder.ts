import { OciError } from "../errors.ts";
import { checkGlobalRecords, readPaxRecords, type PaxRecords } from "./pax-reader.ts";
import { readCount, readNumber } from "./read-number.ts";
import { BLOCK, NAME_BYTES } from "./tar-header.ts";

/** An entry of a tar as it stands there: nothing of it is to be trusted but its form. */
export interface TarEntry {
  readonly type: TarEntryType;
  /** Raw bytes, as written: maybe with a slash in front or behind. Never empty, no NUL. */
  readonly name: Buffer;
  /** Target of a symlink or a hard link; empty for others. */
  readonly linkName: Buffer;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of contents that follow; 0 for all but files. */
  readonly size: number;
  /** Seconds since the epoch, maybe with a fraction. */
  readonly mtime: number;
  readonly hasAttributes: boolean;
}

/** What an entry of a tar is. */
export type TarEntryType =
  | "file"
  | "hardlink"
  | "symlink"
  | "character device"
  | "block device"
  | "directory"
  | "fifo";

/** What a header block says. */
export type HeaderStep =
  | { readonly type: "empty" }
  /** `size` bytes follow that say more about the next entry. */
  | { readonly type: "extension"; readonly size: number }
  | { readonly type: "entry"; readonly entry: TarEntry };

/** Largest extension that is taken into memory: a name of 64 KiB and attributes as long as Linux allows. */
const MAX_EXTENSION = 1024 * 1024;
/** How many extensions one entry may have: PAX for it and for all, and GNU's name and link name. */
const MAX_EXTENSIONS = 4;
/** Longer than any path a kernel takes. */
const MAX_NAME = 64 * 1024;
const ZEROS = Buffer.alloc(BLOCK);
const SLASH = Buffer.from("/");
const NOTHING = Buffer.alloc(0);

const types: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character device",
  "4": "block device",
  "5": "directory",
  "6": "fifo",
};

/**
 * Decodes header blocks, strictly: ustar with PAX extensions (POSIX.1-2017, pax) and GNU's long names; checksums are
 * verified. What readers are known to disagree about is refused.
 */
export class HeaderDecoder {
  #extension: "x" | "g" | "L" | "K" | undefined;
  #extensions = 0;
  #pax: PaxRecords | undefined;
  #longName: Buffer | undefined;
  #longLink: Buffer | undefined;

  /** @throws OciError `tar-checksum`, `tar-header`, `tar-number`, `tar-type`, `tar-extension` */
  decode(block: Buffer): HeaderStep {
    if (block.equals(ZEROS)) {
      if (this.#extensions > 0) throw invalid("tar-extension", "an extended header has no entry behind it");
      return { type: "empty" };
    }
    const isGnu = checkMagic(block);
    checkSum(block);
    const flag = String.fromCharCode(block[156] as number);
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K")
      return this.#beginExtension(block, flag);
    return { type: "entry", entry: this.#endEntry(block, flag, isGnu) };
  }

  /**
   * Takes what an extension's header announced.
   * @throws OciError `tar-extension`, `tar-number`, `tar-type`
   */
  extend(body: Buffer): void {
    const kind = this.#extension;
    if (kind === "g") checkGlobalRecords(body);
    else if (kind === "x") {
      if (this.#pax !== undefined) throw invalid("tar-extension", "an entry has two extended headers");
      this.#pax = readPaxRecords(body);
    } else if (kind === "L") this.#longName = longName(body, this.#longName);
    else this.#longLink = longName(body, this.#longLink);
  }

  #beginExtension(block: Buffer, kind: "x" | "g" | "L" | "K"): HeaderStep {
    const size = readCount(block, 124, 12, "an extended header's size");
    if (size > MAX_EXTENSION)
      throw invalid("tar-extension", `an extended header has ${size} bytes, more than ${MAX_EXTENSION}`);
    if (++this.#extensions > MAX_EXTENSIONS)
      throw invalid("tar-extension", "an entry has too many extended headers");
    this.#extension = kind;
    return { type: "extension", size };
  }

  #endEntry(block: Buffer, flag: string, isGnu: boolean): TarEntry {
    const type = types[flag];
    if (type === undefined)
      throw invalid("tar-type", `an entry is of type ${JSON.stringify(flag)}, which no layer has`);
    const pax = this.#pax ?? {};
    const name = pax.path ?? this.#longName ?? plainName(block, isGnu);
    const linkName = pax.linkpath ?? this.#longLink ?? field(block, 157, NAME_BYTES);
    this.#pax = this.#longName = this.#longLink = undefined;
    this.#extensions = 0;
    const entry: TarEntry = {
      type,
      name,
      linkName: type === "hardlink" || type === "symlink" ? linkName : NOTHING,
      mode: readCount(block, 100, 8, "a mode"),
      uid: pax.uid ?? readCount(block, 108, 8, "an owner"),
      gid: pax.gid ?? readCount(block, 116, 8, "a group"),
      size: pax.size ?? readCount(block, 124, 12, "a size"),
      mtime: pax.mtime ?? readNumber(block, 136, 12, "a time"),
      hasAttributes: pax.hasAttributes === true,
    };
    checkEntry(entry);
    return entry;
  }
}

function checkEntry({ type, name, linkName, size }: TarEntry): void {
  const refuse = (reason: string): OciError =>
    invalid("tar-header", reason, name.subarray(0, 256).toString());
  if (name.length === 0) throw refuse("an entry has no name");
  if (name.length > MAX_NAME || linkName.length > MAX_NAME) throw refuse("a name is longer than 64 KiB");
  if (type === "file" && name.at(-1) === SLASH[0]) throw refuse("a file's name ends with a slash");
  if (type !== "file" && size !== 0) throw refuse(`a ${type} has contents`);
  if ((type === "hardlink" || type === "symlink") && linkName.length === 0)
    throw refuse(`a ${type} has no target`);
}

function checkSum(block: Buffer): void {
  let sum = 8 * 0x20;
  for (let at = 0; at < 148; at++) sum += block[at] as number;
  for (let at = 156; at < BLOCK; at++) sum += block[at] as number;
  if (readCount(block, 148, 8, "a checksum") !== sum)
    throw invalid("tar-checksum", "a header is not what its checksum says");
}

/** Whether it is GNU's older form, which keeps something else where ustar has the name's prefix. */
function checkMagic(block: Buffer): boolean {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return true;
  if (magic === "ustar\u000000") return false;
  throw invalid("tar-header", "a header is neither ustar nor GNU tar");
}

function plainName(block: Buffer, isGnu: boolean): Buffer {
  const name = field(block, 0, NAME_BYTES);
  const prefix = isGnu ? NOTHING : field(block, 345, 155);
  return prefix.length === 0 ? name : Buffer.concat([prefix, SLASH, name]);
}

/** A text field up to its NUL, copied: the block is used again. */
function field(block: Buffer, start: number, length: number): Buffer {
  const end = block.indexOf(0, start);
  return Buffer.from(block.subarray(start, end === -1 ? start + length : Math.min(end, start + length)));
}

function longName(body: Buffer, before: Buffer | undefined): Buffer {
  if (before !== undefined) throw invalid("tar-extension", "an entry has two long names");
  const end = body.indexOf(0);
  const name = Buffer.from(end === -1 ? body : body.subarray(0, end));
  if (name.length === 0) throw invalid("tar-extension", "a long name is empty");
  return name;
}

function invalid(
  code: "tar-checksum" | "tar-header" | "tar-type" | "tar-extension",
  message: string,
  path?: string,
): OciError {
  return new OciError(code, message, { path });
}
