import { createHash } from "node:crypto";
import { NixError } from "../errors.ts";
import type { NarEvent } from "../nar/nar-parser.ts";
import type { ContentAddress } from "./content-address.ts";
import type { NarInfo } from "./narinfo.ts";

/** Holds a NAR that passes against a content address. */
export class ContentHasher {
  readonly #address: ContentAddress;
  readonly #hash;
  readonly #what: string;
  readonly #info: NarInfo;
  #isPlainFile = false;

  /** @param what what errors call it */
  constructor(address: ContentAddress, what: string, info: NarInfo) {
    this.#address = address;
    this.#hash = createHash(address.algorithm);
    this.#what = what;
    this.#info = info;
  }

  /** The NAR's bytes. */
  nar(chunk: Uint8Array): void {
    if (this.#address.method === "nar") this.#hash.update(chunk);
  }

  /** What they mean. */
  event(event: NarEvent): void {
    if (this.#address.method === "nar") return;
    if (event.type === "contents") this.#hash.update(event.chunk);
    else if (event.path.length === 0) this.#isPlainFile = event.type === "file" && !event.executable;
  }

  /** @throws NixError `cache-corrupted` */
  check(): void {
    const isRight = this.#hash.digest().equals(this.#address.hash);
    if (isRight && (this.#address.method === "nar" || this.#isPlainFile)) return;
    throw new NixError("cache-corrupted", `${this.#what} is not what ${this.#info.path} is made of`, {
      path: this.#info.path,
      hint: "The cache holds something else under this name: take another cache.",
    });
  }
}
