import { NixError } from "../errors.ts";
import { TreeOrder } from "../tree/tree-order.ts";
import type { TreeEntryHead, TreeFileHead } from "../tree/tree.ts";
import { encodeStrings, paddingOf, WORD, writeNumber } from "./nar-string.ts";

/** Contents from this size on are passed through as they come. */
const PASS_BYTES = 16 * 1024;
/** What the buffer holds at first; it grows only where thousands of directories end at once. */
const GATHER_BYTES = 64 * 1024;
/** From here on it is worth handing on what is gathered: a call of the hash for each string costs most of the time. */
const ENOUGH_BYTES = GATHER_BYTES - PASS_BYTES;

const MAGIC = encodeStrings("nix-archive-1");
const ENTRY = encodeStrings("entry", "(", "name");
const NODE = encodeStrings("node");
const DIRECTORY = encodeStrings("(", "type", "directory");
const SYMLINK = encodeStrings("(", "type", "symlink", "target");
const FILE = encodeStrings("(", "type", "regular", "contents");
const EXECUTABLE = encodeStrings("(", "type", "regular", "executable", "", "contents");
const CLOSE = encodeStrings(")");
/** The end of a node, and of the directory entry around it. */
const CLOSE_ENTRY = encodeStrings(")", ")");

/**
 * A tree's NAR (Nix manual, "Nix Archive (NAR) Format"), made from its entries one by one, as they come:
 *
 *     nar       = "nix-archive-1" node
 *     node      = "(" "type" ( regular | symlink | directory ) ")"
 *     regular   = "regular" [ "executable" "" ] "contents" string
 *     symlink   = "symlink" "target" string
 *     directory = "directory" { "entry" "(" "name" string "node" node ")" }
 *
 * where each word and each string is its length as a 64-bit little-endian number, its bytes, and zeros up to a multiple
 * of 8, and a directory's names increase by byte value. What stands around contents is gathered in one buffer; whoever
 * uses this takes it out when {@link NarSerialiser.isFull} says so, and at the end. Nothing is of use after an error.
 */
export class NarSerialiser {
  readonly #order = new TreeOrder();
  #buffer = Buffer.allocUnsafe(GATHER_BYTES);
  #used = 0;
  /** The file whose contents are coming. */
  #file: TreeFileHead | undefined;
  /** Bytes of contents that are still to come. */
  #missing = 0;
  #started = false;

  /**
   * The next entry. What the one before still lacks is closed.
   * @param entry its path and target must not change afterwards
   * @throws NixError `tree-invalid`
   */
  begin(entry: TreeEntryHead): void {
    this.#endFile();
    this.#closeDirectories(this.#order.next(entry));
    if (!this.#started) this.#put(MAGIC);
    else {
      this.#put(ENTRY);
      this.#putString(entry.path.subarray(entry.path.lastIndexOf(0x2f) + 1));
      this.#put(NODE);
    }
    this.#started = true;
    if (entry.type === "directory") this.#put(DIRECTORY);
    else if (entry.type === "symlink") {
      this.#put(SYMLINK);
      this.#putString(entry.target);
      this.#closeNode();
    } else {
      this.#put(entry.executable ? EXECUTABLE : FILE);
      this.#putNumber(entry.size);
      this.#file = entry;
      this.#missing = entry.size;
    }
  }

  /**
   * The next bytes of the file that began last.
   * @returns whether they were gathered; otherwise what is gathered (maybe nothing) comes first, and these right after it
   * @throws NixError `tree-invalid`
   */
  contents(chunk: Uint8Array): boolean {
    if (this.#file === undefined || chunk.length > this.#missing) throw this.#wrongLength("more");
    this.#missing -= chunk.length;
    if (chunk.length >= PASS_BYTES) return false;
    this.#put(chunk);
    return true;
  }

  /**
   * The tree is whole.
   * @throws NixError `tree-invalid`
   */
  finish(): void {
    if (!this.#started) throw new NixError("tree-invalid", "a tree without any entry");
    this.#endFile();
    const { depth } = this.#order;
    if (depth === 0) return;
    this.#closeDirectories(depth - 1);
    this.#put(CLOSE);
  }

  /** Whether so much is gathered that it should be taken. */
  get isFull(): boolean {
    return this.#used >= ENOUGH_BYTES;
  }

  /** What is gathered, valid only until the next call of anything else here. */
  take(): Uint8Array {
    const gathered = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    return gathered;
  }

  #endFile(): void {
    const file = this.#file;
    if (file === undefined) return;
    if (this.#missing > 0) throw this.#wrongLength("fewer");
    this.#putPadding(file.size);
    this.#file = undefined;
    this.#closeNode();
  }

  /** Ends a file or a symlink; but for the root's, its directory entry too. */
  #closeNode(): void {
    this.#put(this.#order.depth === 0 ? CLOSE : CLOSE_ENTRY);
  }

  /** Ends directories, which are not the root. */
  #closeDirectories(count: number): void {
    for (let left = count; left > 0; left--) this.#put(CLOSE_ENTRY);
  }

  #putString(bytes: Uint8Array): void {
    this.#putNumber(bytes.length);
    this.#put(bytes);
    this.#putPadding(bytes.length);
  }

  #putNumber(value: number): void {
    this.#reserve(WORD);
    writeNumber(this.#buffer, this.#used, value);
    this.#used += WORD;
  }

  #putPadding(length: number): void {
    const padding = paddingOf(length);
    this.#reserve(padding);
    for (let left = padding; left > 0; left--) this.#buffer[this.#used++] = 0;
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#used + bytes));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  #wrongLength(what: string): NixError {
    const file = this.#file;
    if (file === undefined) return new NixError("tree-invalid", "contents without a file");
    const name = file.path.toString();
    return new NixError(
      "tree-invalid",
      `'${name}' has ${what} bytes of contents than the ${file.size} it should have`,
      { path: name },
    );
  }
}
