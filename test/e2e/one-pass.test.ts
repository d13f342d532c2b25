import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { makeChrootStore } from "../support/chroot-store.ts";
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
  readonly #store = makeChrootStore(["one", "two", "three"], (name) => name.padEnd(BYTES, name));
  readonly #target = [...this.#store.paths, "--store", this.#store.url, "--layering", "per-path"];
  readonly #env = { ...nixEnvironment, XDG_CACHE_HOME: join(this.#folder, "cache") };
  readonly output = join(this.#folder, "made/output");
  readonly texts = this.#store.paths.map((path) => this.#store.onDisk(path, "share/text"));
  /** The program of the first path, which comes before its text. */
  readonly program = this.#store.onDisk(this.#store.paths[0] as string, "bin/one");

  constructor() {
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

  /** @param log as strace writes it; a call that another thread's stands in is put together again */
  constructor(log: string) {
    const begun = new Map<string, string>();
    this.#lines = log.split("\n").flatMap((line) => {
      const [thread = ""] = line.split(" ", 1);
      const rest = line.slice(thread.length).trimStart();
      if (rest.endsWith("<unfinished ...>")) {
        begun.set(thread, rest.slice(0, -"<unfinished ...>".length));
        return [];
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)/.exec(rest);
      return [resumed === null ? rest : `${begun.get(thread)}${resumed[1]}`];
    });
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
    return this.#of(kind, place).reduce((sum, line) => sum + Number(/= (\d+)$/.exec(line)?.[1] ?? 0), 0);
  }
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
