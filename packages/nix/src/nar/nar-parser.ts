import type { NixError } from "../errors.ts";
import { MAX_NAME_BYTES, MAX_TARGET_BYTES, wrongName, wrongTarget } from "../tree/entry-name.ts";
import type { TreeEntryHead } from "../tree/tree.ts";
import { narError } from "./nar-error.ts";
import { NarInput } from "./nar-input.ts";
import { encodeStrings, paddingOf } from "./nar-string.ts";

/** How many nodes lie one in another at most, the root counted (Nix 2.34, `narMaxDepth`). */
const MAX_DEPTH = 64;
/** The longest word that is looked at (Nix 2.34, `narMaxTag`). */
const MAX_WORD_BYTES = 32;

const SLASH = Buffer.from("/");
const NO_NAME = Buffer.alloc(0);

/** What a NAR's bytes mean: an entry, or some of the contents of the file that came last. */
export type NarEvent = TreeEntryHead | NarContents;

/** Some of a file's contents. */
export interface NarContents {
  readonly type: "contents";
  /** Part of the chunk that was pushed. */
  readonly chunk: Uint8Array;
}

/** What comes next. */
type Expected =
  | "magic"
  | "node"
  | "type"
  | "kind"
  | "executable or contents"
  | "executable's value"
  | "contents"
  | "size"
  | "bytes"
  | "padding"
  | "target"
  | "target's value"
  | "end of node"
  | "end of entry"
  | "entry or end of directory"
  | "start of entry"
  | "name"
  | "name's value"
  | "node of entry"
  | "nothing";

/** Where a word that is always the same must stand: the word, and what comes after it. */
const fixedWords: Partial<Record<Expected, readonly [word: string, next: Expected]>> = {
  magic: ["nix-archive-1", "node"],
  node: ["(", "type"],
  type: ["type", "kind"],
  "executable's value": ["", "contents"],
  contents: ["contents", "size"],
  target: ["target", "target's value"],
  "end of entry": [")", "entry or end of directory"],
  "start of entry": ["(", "name"],
  name: ["name", "name's value"],
  "node of entry": ["node", "node"],
};

/** Runs of words that nearly every entry has: taken at once, parsing is twice as fast. */
const commonRuns: Partial<Record<Expected, readonly [run: Buffer, next: Expected]>> = {
  "entry or end of directory": [encodeStrings("entry", "(", "name"), "name's value"],
  "node of entry": [encodeStrings("node", "(", "type"), "kind"],
  "end of node": [encodeStrings(")", ")"), "entry or end of directory"],
};

/** A directory whose entries are coming. */
interface OpenDirectory {
  readonly path: Buffer;
  /** The name that came last; empty before the first. */
  last: Buffer;
}

/**
 * Reads NARs (the grammar is {@link NarSerialiser}'s) as strictly as Nix 2.34 does (`src/libutil/archive.cc`): what
 * Nix would not write is refused, so that a tree that was read serialises to the very bytes it came from. Names
 * increase, are of 1 to 255 bytes without NUL or slash, and neither `.` nor `..`; targets are of 1 to 4095 bytes without
 * NUL; at most 64 nodes lie one in another; nothing follows the end. Beyond Nix, a file has at most 2^53 - 1 bytes.
 *
 * A state machine without any input of its own: push a chunk, ask for events until there is none, push the next; after
 * the last chunk, finish. Contents are passed on as they come; kept are one string at most, and the open directories'
 * paths. The verdict and its place do not depend on how the bytes are cut. Nothing is of use after an error.
 */
export class NarParser {
  readonly #input = new NarInput();
  readonly #open: OpenDirectory[] = [];
  #expected: Expected = "magic";
  /** The path of the node that comes, or came last. */
  #path: Buffer = Buffer.alloc(0);
  #executable = false;
  #size = 0;
  /** Bytes of contents that are still to come. */
  #missing = 0;

  /** The next chunk, of any size; it must not change until its events are used. */
  push(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  /** Bytes of the input that are kept back, waiting for more. */
  get heldBytes(): number {
    return this.#input.held;
  }

  /** Bytes read so far: after a file's entry, where its contents begin. */
  get position(): number {
    return this.#input.position;
  }

  /**
   * Passes over the contents of the file that came last, none of which was read yet.
   * @returns how many bytes are not to be pushed: those of the contents that are behind the chunk
   */
  passOverContents(): number {
    if (this.#expected !== "bytes" || this.#missing !== this.#size) return 0;
    const behind = this.#input.passOver(this.#missing);
    this.#missing = 0;
    this.#expected = paddingOf(this.#size) === 0 ? "end of node" : "padding";
    return behind;
  }

  /**
   * The next event; undefined when more input is needed.
   * @throws NixError `nar-invalid`
   */
  next(): NarEvent | undefined {
    for (;;) {
      const { position } = this.#input;
      const event = this.#step();
      if (event !== undefined || this.#input.position === position) return event;
    }
  }

  /**
   * There is no more input.
   * @throws NixError `nar-invalid` when the NAR is not whole
   */
  finish(): void {
    if (this.#expected === "nothing") return;
    const { position, held } = this.#input;
    throw narError(position + held, `it ends early, where the ${this.#expected} should come`);
  }

  /** Takes one word, or bytes; where there are too few, takes nothing. */
  #step(): NarEvent | undefined {
    switch (this.#expected) {
      case "size":
        return this.#readSize();
      case "bytes":
        return this.#readBytes();
      case "padding":
        if (this.#input.zeros(paddingOf(this.#size)) === true) this.#expected = "end of node";
        return undefined;
      case "target's value":
        return this.#readTarget();
      case "name's value":
        return this.#readName();
      case "nothing":
        if (this.#input.bytes(1) !== undefined)
          throw narError(this.#input.position - 1, "bytes after its end");
        return undefined;
      default:
        return this.#skipRun(this.#expected) ? undefined : this.#readWord(this.#expected);
    }
  }

  /** Takes a run of words where it comes and the tree is not at a limit, which single words are checked for. */
  #skipRun(expected: Expected): boolean {
    const common = commonRuns[expected];
    if (common === undefined || this.#open.length === 0 || this.#open.length >= MAX_DEPTH) return false;
    if (!this.#input.skip(common[0])) return false;
    this.#expected = common[1];
    return true;
  }

  #readWord(expected: Expected): NarEvent | undefined {
    const { position } = this.#input;
    const word = this.#input.string(MAX_WORD_BYTES)?.toString("latin1");
    if (word === undefined) return undefined;
    const fixed = fixedWords[expected];
    if (fixed !== undefined) {
      if (word !== fixed[0]) throw unexpected(position, word, `'${fixed[0]}'`);
      if (fixed[1] === "node" && this.#open.length >= MAX_DEPTH)
        throw narError(position, `more than ${MAX_DEPTH} nodes one in another`);
      this.#expected = fixed[1];
      return undefined;
    }
    if (expected === "kind") return this.#readKind(position, word);
    if (expected === "executable or contents") {
      this.#executable = word === "executable";
      if (word !== "executable" && word !== "contents")
        throw unexpected(position, word, "'executable' or 'contents'");
      this.#expected = word === "executable" ? "executable's value" : "size";
    } else if (expected === "entry or end of directory") {
      if (word !== "entry" && word !== ")") throw unexpected(position, word, "'entry' or ')'");
      if (word === ")") {
        this.#open.pop();
        this.#endNode();
      } else this.#expected = "start of entry";
    } else {
      if (word !== ")") throw unexpected(position, word, "')'");
      this.#endNode();
    }
    return undefined;
  }

  #readKind(position: number, word: string): NarEvent | undefined {
    const path = this.#path;
    switch (word) {
      case "regular":
        this.#expected = "executable or contents";
        return undefined;
      case "symlink":
        this.#expected = "target";
        return undefined;
      case "directory":
        this.#open.push({ path, last: NO_NAME });
        this.#expected = "entry or end of directory";
        return { type: "directory", path };
      default:
        throw unexpected(position, word, "'regular', 'symlink' or 'directory'");
    }
  }

  #readSize(): NarEvent | undefined {
    const size = this.#input.number();
    if (size === undefined) return undefined;
    this.#size = size;
    this.#missing = size;
    this.#expected = size === 0 ? "end of node" : "bytes";
    return { type: "file", path: this.#path, executable: this.#executable, size };
  }

  #readBytes(): NarEvent | undefined {
    const chunk = this.#input.bytes(this.#missing);
    if (chunk === undefined) return undefined;
    this.#missing -= chunk.length;
    if (this.#missing === 0) this.#expected = paddingOf(this.#size) === 0 ? "end of node" : "padding";
    return { type: "contents", chunk };
  }

  #readTarget(): NarEvent | undefined {
    const { position } = this.#input;
    const target = this.#input.string(MAX_TARGET_BYTES);
    if (target === undefined) return undefined;
    const wrong = wrongTarget(target);
    if (wrong !== undefined) throw narError(position, wrong);
    this.#expected = "end of node";
    return { type: "symlink", path: this.#path, target: Buffer.from(target) };
  }

  #readName(): undefined {
    const { position } = this.#input;
    const name = this.#input.string(MAX_NAME_BYTES);
    if (name === undefined) return;
    const parent = this.#open.at(-1) as OpenDirectory;
    const wrong = wrongName(name);
    if (wrong !== undefined) throw narError(position, wrong);
    if (Buffer.compare(parent.last, name) >= 0)
      throw narError(position, parent.last.equals(name) ? "a name that occurs twice" : "a name out of order");
    parent.last = Buffer.from(name);
    this.#path = parent.path.length === 0 ? parent.last : Buffer.concat([parent.path, SLASH, parent.last]);
    this.#expected = "node of entry";
  }

  #endNode(): void {
    this.#expected = this.#open.length === 0 ? "nothing" : "end of entry";
  }
}

function unexpected(position: number, found: string, wanted: string): NixError {
  const shown = found.replaceAll(
    /[^ -~]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return narError(position, `'${shown}' where ${wanted} should come`);
}
