import pLimit from "p-limit";
import { parseCacheInfo } from "../cache/cache-info.ts";
import type { CacheSource } from "../cache/cache-source.ts";
import { decodeContent } from "../cache/decode-content.ts";
import { fetchFile, receiveNar, type Vouched } from "../cache/fetch-nar.ts";
import { FileQueue } from "../cache/file-queue.ts";
import { NarSpool } from "../cache/nar-spool.ts";
import { parseNarInfo, type NarInfo } from "../cache/narinfo.ts";
import { readSmall } from "../cache/read-small.ts";
import type { Trust } from "../cache/trust.ts";
import { NixError } from "../errors.ts";
import { makeClosure } from "../make-closure.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import { storePathHashPart, type StorePath } from "../store-path.ts";
import { resolveByName } from "./resolve-target.ts";
import type { OpenTrees, OpenTreesOptions, Protection, Store, StoreCallOptions, Target } from "./store.ts";

/** How many `.narinfo` files are asked for at once: each is a few hundred bytes, and a round trip. */
const INFOS_AT_ONCE = 32;
/** How many NARs come at once. */
const NARS_AT_ONCE = 6;
/** A path with 10,000 references has a `.narinfo` of about 500 KiB. */
const MAX_INFO_BYTES = 4 * 1024 * 1024;

/** A binary cache as a store (Nix manual, "Binary Cache Store"): needs no Nix, and keeps nothing on this machine. */
export class BinaryCacheStore implements Store {
  readonly storeDir: string;
  readonly #source: CacheSource;
  readonly #trust: Trust;
  readonly #known = new Map<StorePath, Promise<Vouched | undefined>>();
  readonly #infos = pLimit(INFOS_AT_ONCE);
  readonly #nars = pLimit(NARS_AT_ONCE);
  readonly #files = new FileQueue();
  #checked: Promise<void> | undefined;
  /** Why a path's `.narinfo` was not given, where the cache did not just have none. */
  readonly #refusals = new Map<StorePath, string>();

  constructor(
    source: CacheSource,
    { storeDir, trust }: { readonly storeDir: string; readonly trust: Trust },
  ) {
    this.storeDir = storeDir;
    this.#source = source;
    this.#trust = trust;
  }

  /** What errors call it. */
  get name(): string {
    return this.#source.name;
  }

  /** What errors call the file in which it says what it is. */
  get infoName(): string {
    return `${this.name}/nix-cache-info`;
  }

  resolveTarget(target: string): Promise<Target> {
    return resolveByName(target, { storeDir: this.storeDir, physicalDir: this.storeDir });
  }

  async queryClosure(roots: readonly StorePath[], { signal }: StoreCallOptions = {}): Promise<Closure> {
    const found = new Map<StorePath, PathInfo>();
    const asked = new Set<StorePath>();
    // The first failure ends what is still being asked.
    const failed = new AbortController();
    const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    const follow = async (path: StorePath): Promise<void> => {
      if (asked.has(path)) return;
      asked.add(path);
      const vouched = await this.#query(path, either);
      if (vouched === undefined) throw this.missing(path);
      found.set(path, toPathInfo(vouched.info));
      await Promise.all(vouched.info.references.map(follow));
    };
    try {
      await Promise.all(roots.map(follow));
    } catch (error) {
      failed.abort(error);
      throw error;
    }
    return makeClosure(this.storeDir, roots, [...found.values()]);
  }

  async queryValid(paths: readonly StorePath[], { signal }: StoreCallOptions = {}): Promise<PathInfo[]> {
    const own = paths.filter((path) => path.startsWith(`${this.storeDir}/`));
    const vouched = await Promise.all(own.map((path) => this.#query(path, signal)));
    return vouched.flatMap((each) => (each === undefined ? [] : [toPathInfo(each.info)]));
  }

  /** What an error says of a path that is not there. */
  missing(path: StorePath): NixError {
    const refusal = this.refusal(path);
    const code = refusal === undefined ? "path-invalid" : "cache-failed";
    const because = refusal === undefined ? "" : ` (it answers ${refusal})`;
    return new NixError(code, `${path} is not in ${this.name}${because}`, {
      path,
      hint: "Copy it there (nix copy --to), or name a further cache with --store.",
    });
  }

  /** Why it does not say whether it has a path: `403`. */
  refusal(path: StorePath): string | undefined {
    return this.#refusals.get(path);
  }

  /** Nothing is collected from under a reader: what is fetched is held. */
  async protect(): Promise<Protection> {
    return { warning: undefined, [Symbol.asyncDispose]: async () => {} };
  }

  /** A cache cannot be asked for names. */
  async findPackages(): Promise<StorePath[]> {
    return [];
  }

  locateTree(): undefined {
    return undefined;
  }

  async *readNar(path: StorePath, options: OpenTreesOptions = {}): AsyncGenerator<Uint8Array> {
    const { signal } = options;
    const vouched = await this.#require(path, signal);
    const file = this.#files.take(path, (signal) => this.#fetch(path, { ...options, signal }), signal);
    yield* about(path, receiveNar(vouched, file, { from: this.name, signal }));
  }

  expectNars(paths: readonly StorePath[], options: OpenTreesOptions = {}): void {
    for (const path of paths)
      this.#files.expect(path, (signal) => this.#fetch(path, { ...options, signal }), options.signal);
  }

  /** What will wait, whole, in a file without a name. */
  async openTrees(
    paths: readonly StorePath[],
    { signal, onBytes }: OpenTreesOptions = {},
  ): Promise<OpenTrees> {
    const spool = new NarSpool();
    const places = new Map<StorePath, { readonly offset: number; readonly length: number }>();
    const failed = new AbortController();
    const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    try {
      const fetches: { readonly vouched: Vouched; readonly offset: number }[] = [];
      let end = 0;
      for (const path of new Set(paths)) {
        const vouched = await this.#require(path, signal);
        fetches.push({ vouched, offset: end });
        places.set(path, { offset: end, length: vouched.info.narSize });
        end += vouched.info.narSize;
      }
      const outcomes = await Promise.allSettled(
        fetches.map(({ vouched, offset }) =>
          this.#nars(async () => {
            try {
              either.throwIfAborted();
              const { path } = vouched.info;
              const file = this.#fetch(path, { signal: either, onBytes });
              const nar = about(path, receiveNar(vouched, file, { from: this.name, signal: either }));
              let position = offset;
              for await (const chunk of nar) {
                await spool.writeAt(chunk, position);
                position += chunk.length;
              }
            } catch (error) {
              failed.abort(error);
              throw error;
            }
          }),
        ),
      );
      signal?.throwIfAborted();
      if (outcomes.some(({ status }) => status === "rejected")) throw failed.signal.reason;
    } catch (error) {
      spool[Symbol.dispose]();
      throw error;
    }
    return {
      locate(path) {
        const place = places.get(path);
        if (place === undefined) throw new Error(`${path} was not opened`);
        return { narFile: spool.fd, ...place };
      },
      [Symbol.asyncDispose]: async () => spool[Symbol.dispose](),
    };
  }

  async *#fetch(path: StorePath, options: OpenTreesOptions): AsyncGenerator<Uint8Array> {
    const { info } = await this.#require(path, options.signal);
    yield* fetchFile(this.#source, info, options);
  }

  async #require(path: StorePath, signal: AbortSignal | undefined): Promise<Vouched> {
    const vouched = await this.#query(path, signal);
    if (vouched === undefined) throw this.missing(path);
    return vouched;
  }

  /** What the cache says of a path that counts; undefined where it has none. */
  #query(path: StorePath, signal: AbortSignal | undefined): Promise<Vouched | undefined> {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const asking = this.#infos(async () => {
      signal?.throwIfAborted();
      await (this.#checked ??= this.#checkCache(signal));
      return this.#ask(path, signal);
    });
    this.#known.set(path, asking);
    asking.catch(() => this.#known.delete(path));
    return asking;
  }

  async #ask(path: StorePath, signal: AbortSignal | undefined): Promise<Vouched | undefined> {
    const name = `${storePathHashPart(path)}.narinfo`;
    const answer = await this.#source.get(name, signal);
    if (answer.bytes === undefined) {
      if (answer.reason !== undefined) this.#refusals.set(path, answer.reason);
      return undefined;
    }
    const from = `${this.name}/${name}`;
    const info = parseNarInfo(await this.#read(answer.bytes, answer.encoding, from), path, from);
    return { info, grounds: await this.#trust.judge(info, from) };
  }

  async #checkCache(signal: AbortSignal | undefined): Promise<void> {
    const { bytes, encoding, reason } = await this.#source.get("nix-cache-info", signal);
    if (bytes === undefined) {
      throw new NixError(
        "cache-failed",
        `${this.name} is no binary cache: it has no nix-cache-info${reason === undefined ? "" : ` (it answers ${reason})`}`,
        {
          path: this.infoName,
          hint:
            reason === "401" || reason === "403"
              ? "It wants a login: Nix's netrc-file may have one, which is shown in HTTPS only."
              : "Check the address; nix copy --to makes a cache.",
        },
      );
    }
    const from = this.infoName;
    const { storeDir } = parseCacheInfo(await this.#read(bytes, encoding, from), from);
    if (storeDir === undefined || storeDir === this.storeDir) return;
    throw new NixError("cache-unsupported", `${this.name} is for ${storeDir}, not for ${this.storeDir}`, {
      path: from,
      hint: `Name the store directory with ?store=${storeDir} behind the cache's URL.`,
    });
  }

  async #read(bytes: AsyncIterable<Uint8Array>, encoding: string | undefined, from: string): Promise<string> {
    const text = await readSmall(
      decodeContent(bytes, encoding, { from, limit: MAX_INFO_BYTES }),
      MAX_INFO_BYTES,
    );
    if (text !== undefined) return text.toString();
    throw new NixError("cache-corrupted", `${from} has more than ${MAX_INFO_BYTES} bytes`, { path: from });
  }
}

/** A NAR, whose failures say which path's it is. */
async function* about(path: StorePath, nar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* nar;
  } catch (error) {
    if (!(error instanceof NixError) || error.path === path) throw error;
    const { code, message, hint, position, cause } = error;
    throw new NixError(code, message, { path, hint, position, cause });
  }
}

function toPathInfo({ path, narHash, narSize, references }: NarInfo): PathInfo {
  return { path, narHash, narSize, references };
}
