import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { makeChrootStore, type ChrootStore } from "../support/chroot-store.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "strace");
/** Of each path's `share/text`: more than one read takes. */
const BYTES = 3_000_000;

const calls = {
  look: ["stat", "lstat", "newfstatat", "statx"],
  open: ["open", "openat", "openat2"],
  read: ["read", "pread64", "readv", "preadv"],
  write: ["write", "pwrite64", "writev", "pwritev"],
};

/** A store of its own, and what the command does with its files and with what it writes. */
class WatchedPack {
  readonly #folder = temporaryFolder();
  readonly #store: ChrootStore;
  readonly #target: readonly string[];
  readonly #env = { ...nixEnvironment, XDG_CACHE_HOME: join(this.#folder, "cache") };
  readonly output = join(this.#folder, "made/output");
  readonly texts: readonly string[];
  /** The program of the first path, which comes before its text. */
  readonly program: string;

  /** @param sizes of the texts, by the names of their paths */
  constructor(sizes: Readonly<Record<string, number>> = { one: BYTES, two: BYTES, three: BYTES }) {
    const names = Object.keys(sizes);
    this.#store = makeChrootStore(names, (name) => Buffer.alloc(sizes[name] as number, name));
    const { url, paths } = this.#store;
    this.#target = [...paths, "--store", url, "--layering", "per-path"];
    this.texts = paths.map((path) => this.#store.onDisk(path, "share/text"));
    this.program = this.#store.onDisk(paths[0] as string, "bin/one");
    mkdirSync(join(this.#folder, "made"));
  }

  pack(...words: readonly string[]): Promise<Trace> {
    return this.run("pack", "--platform", "linux/amd64", "-o", this.output, ...words);
  }

  async run(verb: string, ...words: readonly string[]): Promise<Trace> {
    const log = join(this.#folder, "trace");
    const names = Object.values(calls).flat().join(",");
    const watched = ["-f", "-qq", "-y", "-s", "0", "-e", `trace=${names}`, "-o", log, ...stowageWords];
    await execa("strace", [...watched, verb, ...this.#target, ...words], { env: this.#env });
    return new Trace(readFileSync(log, "utf8"));
  }
}

class Trace {
  readonly #lines: readonly string[];
  readonly #threads: readonly string[];

  /** @param log as strace writes it; a call that another thread's stands in is put together again */
  constructor(log: string) {
    const begun = new Map<string, string>();
    const calls = log.split("\n").flatMap((line) => {
      const [thread = ""] = line.split(" ", 1);
      const rest = line.slice(thread.length).trimStart();
      if (rest.endsWith("<unfinished ...>")) {
        begun.set(thread, rest.slice(0, -"<unfinished ...>".length));
        return [];
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)/.exec(rest);
      return [{ thread, text: resumed === null ? rest : `${begun.get(thread)}${resumed[1]}` }];
    });
    this.#lines = calls.map(({ text }) => text);
    this.#threads = calls.map(({ thread }) => thread);
  }

  /** Which threads moved bytes of a place, so many at once at least. */
  threads(kind: "read" | "write", place: string, least = 1): ReadonlySet<string> {
    const lines = new Set(this.#of(kind, place).filter((line) => resultOf(line) >= least));
    return new Set(this.#threads.filter((_, index) => lines.has(this.#lines[index] as string)));
  }

  /** Those that name a place, or a descriptor of one. */
  #of(kind: keyof typeof calls, place: string): string[] {
    const named = this.#lines.filter((line) => calls[kind].some((name) => line.startsWith(`${name}(`)));
    return named.filter((line) => line.includes(place));
  }

  /** How often a file is named; what is asked of it once it is open does not count. */
  count(kind: "look" | "open", file: string): number {
    return this.#of(kind, `"${file}"`).length;
  }

  /** Whether a file was opened, for the last time, before another was looked at. */
  opensBeforeSeeing(opened: string, seen: string): boolean {
    const isNaming = (kind: "look" | "open", file: string) => (line: string) =>
      line.includes(`"${file}"`) && calls[kind].some((name) => line.startsWith(name));
    return (
      this.#lines.findLastIndex(isNaming("open", opened)) < this.#lines.findIndex(isNaming("look", seen))
    );
  }

  /** Bytes that calls took or gave; what failed counts nothing. */
  bytes(kind: "read" | "write", place: string): number {
    return this.#of(kind, place).reduce((sum, line) => sum + resultOf(line), 0);
  }
}

/** What a call gave; 0 where it failed. */
function resultOf(line: string): number {
  return Number(/= (\d+)$/.exec(line)?.[1] ?? 0);
}

describe.skipIf(!ready)("how often bytes are read and written", () => {
  test.each(["archive", "docker-archive"])(
    "%s, cold and warm: each file once, each byte of the output once, nothing beside it",
    async (format) => {
      const watched = new WatchedPack();
      const cold = await watched.pack("--format", format);
      const { size } = statSync(watched.output);
      const warm = await watched.pack("--format", format);
      for (const trace of [cold, warm]) {
        for (const text of watched.texts) {
          expect(trace.count("open", text)).toBe(1);
          expect(trace.count("look", text)).toBe(1);
          expect(trace.bytes("read", text)).toBe(BYTES);
        }
        const written = trace.bytes("write", "/made/");
        // The room for a layer's header is passed over, and its padding is a hole.
        expect(written).toBeGreaterThan(3 * BYTES);
        expect(written).toBeLessThanOrEqual(size);
        expect(trace.bytes("read", "/made/")).toBe(0);
      }
      // Neither beside the output nor anywhere else is there a copy.
      expect(cold.bytes("write", "/")).toBeLessThan(1.5 * size);
    },
  );

  test.each(["archive", "oci-dir"])(
    "what is most of all is read by one thread and written by another, what is half of it by one: %s",
    async (format) => {
      const large = 40_000_000;
      const isShared = async (sizes: Readonly<Record<string, number>>): Promise<boolean> => {
        const watched = new WatchedPack(sizes);
        const trace = await watched.pack("--format", format, "--jobs", "2", "--no-check");
        for (const text of watched.texts) expect(trace.bytes("read", text)).toBe(statSync(text).size);
        const readers = new Set(watched.texts.flatMap((text) => [...trace.threads("read", text)]));
        // Headers and documents are written by others too: what comes in large pieces counts.
        return [...trace.threads("write", "/made/", 200_000)].some((thread) => !readers.has(thread));
      };
      expect(await isShared({ one: large, two: 5_000_000 })).toBe(true);
      expect(await isShared({ one: large, two: large })).toBe(false);
    },
  );

  test("a layout: each file once, and a second time none", async () => {
    const watched = new WatchedPack();
    const cold = await watched.pack("--format", "oci-dir");
    const warm = await watched.pack("--format", "oci-dir");
    for (const text of watched.texts) {
      expect(cold.count("open", text)).toBe(1);
      expect(cold.count("look", text)).toBe(1);
      expect(cold.bytes("read", text)).toBe(BYTES);
      expect(warm.count("open", text) + warm.count("look", text)).toBe(0);
    }
    expect(cold.bytes("write", "/made/")).toBeLessThan(3 * (BYTES + 20_000));
    expect(warm.bytes("write", "/made/")).toBe(0);
  });

  test.each(["gzip:1", "zstd:1"])(
    "an archive with %s: each file once, no path sized before it is read",
    async (compression) => {
      const watched = new WatchedPack();
      const cold = await watched.pack("--compression", compression);
      for (const text of watched.texts) expect(cold.bytes("read", text)).toBe(BYTES);
      expect(cold.opensBeforeSeeing(watched.program, watched.texts[0] as string)).toBe(true);
      expect(cold.bytes("write", "/made/")).toBeLessThanOrEqual(statSync(watched.output).size);
      expect(cold.bytes("read", "/made/")).toBe(0);
    },
  );

  test("digests alone: each file once, with no pass over all of them before it", async () => {
    const watched = new WatchedPack();
    const cold = await watched.run("plan", "--digests");
    for (const text of watched.texts) {
      expect(cold.count("open", text)).toBe(1);
      expect(cold.count("look", text)).toBe(1);
      expect(cold.bytes("read", text)).toBe(BYTES);
    }
    expect(cold.opensBeforeSeeing(watched.program, watched.texts[0] as string)).toBe(true);
  });
});
