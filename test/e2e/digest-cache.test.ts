import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pack, type PackOptions, type PackResult } from "@stowage/core";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { makeChrootStore, type ChrootStore } from "../support/chroot-store.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage, stowageWords, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const names = ["one", "two", "three"] as const;
const ready = requirePrograms("nix-store");

/** A store, a cache, and a place for outputs, all of one test. */
class Bench {
  readonly folder = temporaryFolder();
  readonly store: ChrootStore;
  readonly cacheHome = join(this.folder, "cache");
  readonly digests = join(this.cacheHome, "stowage/digests");
  readonly env: NodeJS.ProcessEnv = { ...nixEnvironment, XDG_CACHE_HOME: this.cacheHome };

  constructor(contents?: (name: string) => string | Buffer) {
    this.store = makeChrootStore(names, contents);
  }

  words(output: string, ...more: readonly string[]): string[] {
    const { paths, url } = this.store;
    const place = ["-o", join(this.folder, output)];
    return [
      "pack",
      ...paths,
      "--store",
      url,
      "--platform",
      "linux/amd64",
      "--layering",
      "per-path",
      ...place,
      ...more,
    ];
  }

  pack(output: string, ...more: readonly string[]): Promise<Said> {
    return stowage(this.words(output, ...more), { env: this.env });
  }

  /** Packs in this process, and gives the archive's digest. */
  async archive(options: Partial<PackOptions> = {}): Promise<string> {
    const { output } = await this.#packHere("image.tar", options);
    return sha256Of(output as string);
  }

  /** Packs into a layout, and gives its manifest's digest. */
  async layout(options: Partial<PackOptions> = {}): Promise<string> {
    const { manifestDigest } = await this.#packHere("layout", { format: "oci-dir", ...options });
    return manifestDigest as string;
  }

  #packHere(output: string, options: Partial<PackOptions>): Promise<PackResult> {
    return pack({
      targets: this.store.paths,
      store: this.store.url,
      platform: "linux/amd64",
      layering: "per-path",
      output: join(this.folder, output),
      environment: this.env,
      jobs: 1,
      ...options,
    });
  }

  entries(): string[] {
    return existsSync(this.digests) ? readdirSync(this.digests).toSorted() : [];
  }

  /** What the entries say, by name. */
  texts(): Record<string, string> {
    return Object.fromEntries(
      this.entries().map((name) => [name, readFileSync(join(this.digests, name), "utf8")]),
    );
  }

  /** What a process leaves that is killed before it gives an entry its name. */
  leave(time: Date): string {
    const left = join(this.digests, `${"a".repeat(64)}.0123456789abcdef.tmp`);
    writeFileSync(left, "");
    utimesSync(left, time, time);
    return left;
  }

  /** Writes entries that say something else, with a sum that is right. */
  poison(texts: Record<string, string>, change: object): void {
    for (const [name, good] of Object.entries(texts)) {
      const entry: unknown = JSON.parse(good.split("\n")[1] as string);
      const text = JSON.stringify({ ...(entry as object), ...change });
      const sum = createHash("sha256").update(text).digest("hex");
      writeFileSync(join(this.digests, name), `${sum}\n${text}\n`);
    }
  }
}

function sha256Of(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

const anotherDigest = `sha256:${"1".repeat(64)}`;

describe.skipIf(!ready)("the digest cache", () => {
  test("remembers a layer for each store layer, for its user alone; the same image with and without it", async () => {
    const bench = new Bench();
    const first = await bench.archive();
    const entries = bench.entries();
    expect(entries).toHaveLength(names.length);
    expect(statSync(bench.digests).mode & 0o777).toBe(0o700);
    expect(await bench.archive()).toBe(first);
    expect(await bench.archive({ check: false })).toBe(first);
    expect(bench.entries()).toEqual(entries);
  });

  test("a layer's key stands for these bytes: whatever changes them raises LAYER_FORMAT", async () => {
    const bench = new Bench();
    await bench.archive();
    const layers = Object.values(bench.texts()).map((text) => {
      const { key, diffId } = JSON.parse(text.split("\n")[1] as string) as { key: string; diffId: string };
      return `${key} ${diffId}`;
    });
    expect(layers).toEqual([
      "3b64760354eb9a330fcf13e3d9d731103b93698f368568a981cc11f8c85fb3cd sha256:2b017489b1c1364424ec00e354ff50faee8457d65086e1968cc4f5af85f8186b",
      "487fc5f5840d29d633be12257ef17eefa39e05a634d10efd6e3472ca1a66fbda sha256:2bfe0e7128fd87c578864389672b3479dfff22c7ade8c4025d5314ac1016a8bd",
      "9128958651fbc48844fcf5ff986e40cd5222dfca7cceb42a349d49cd1a29635c sha256:e55202be9be285e92834806ed13ca653c016cfb85d2b4c53dd45b630c8a38870",
    ]);
  });

  test("a path corrupted, packed, mended, packed: with and without an entry from before", async () => {
    for (const before of [false, true]) {
      const bench = new Bench();
      const path = bench.store.paths[1] as string;
      const whole = before ? await bench.archive() : undefined;
      bench.store.overwrite(path, "share/text", "owt\n");
      const corrupted = await bench.pack("image.tar");
      expect(corrupted).toMatchObject({
        exitCode: 3,
        stderr: expect.stringContaining(`${path} is corrupted`),
      });
      const unchecked = await bench.archive({ check: false });
      // What was not checked is not remembered: still the same verdict.
      expect((await bench.pack("image.tar")).exitCode).toBe(3);
      bench.store.overwrite(path, "share/text", "two\n");
      const mended = await bench.archive();
      expect(mended).not.toBe(unchecked);
      if (whole !== undefined) expect(mended).toBe(whole);
      expect(await bench.archive()).toBe(mended);
    }
  });

  test("a corrupted path is named in a stream too, where an entry is there", async () => {
    const bench = new Bench();
    await bench.archive();
    bench.store.overwrite(bench.store.paths[2] as string, "share/text", "eerht\n");
    const said = await bench.pack("image.tar", "--format", "docker-archive");
    expect(said.stderr).toContain(`${bench.store.paths[2]} is corrupted`);
    expect(said.exitCode).toBe(3);
  });

  test("entries that say something else change no image, and are mended", async () => {
    const bench = new Bench();
    const archive = await bench.archive();
    const layout = await bench.layout();
    const stream = await bench.archive({ format: "docker-archive" });
    const good = bench.texts();
    const other = { diffId: anotherDigest, digest: anotherDigest };
    for (const change of [other, { size: 1 }, { size: 2 ** 40 }]) {
      bench.poison(good, change);
      expect(await bench.archive(), JSON.stringify(change)).toBe(archive);
      expect(bench.texts()).toEqual(good);
      bench.poison(good, change);
      expect(await bench.layout(), JSON.stringify(change)).toBe(layout);
      expect(bench.texts()).toEqual(good);
    }
    bench.poison(good, other);
    expect(await bench.archive({ check: false })).toBe(archive);
    expect(await bench.archive({ format: "docker-archive" })).toBe(stream);
    expect(bench.texts()).toEqual(good);
  });

  test("files that are no entries count as none", async () => {
    const bench = new Bench();
    const archive = await bench.archive();
    const good = bench.texts();
    const changes = [
      { diffId: "sha256:../../../etc/passwd" },
      { size: -1 },
      { size: "10240" },
      { version: 2 },
      { key: "0".repeat(64) },
      { digest: undefined },
    ];
    for (const change of changes) {
      bench.poison(good, change);
      expect(await bench.archive(), JSON.stringify(change)).toBe(archive);
      expect(bench.texts()).toEqual(good);
    }
    const names = Object.keys(good);
    for (const texts of [
      ["", "{", "0123"],
      ["\n\n\n", "\0", "\n{}\n"],
    ]) {
      for (const [index, name] of names.entries())
        writeFileSync(join(bench.digests, name), texts[index] as string);
      expect(await bench.archive()).toBe(archive);
      expect(bench.texts()).toEqual(good);
    }
  });

  test("what is in an entry's place and no file is neither read nor waited for, and is replaced", async () => {
    const bench = new Bench();
    const archive = await bench.archive();
    const good = bench.texts();
    const [pipe = "", endless = "", link = ""] = Object.keys(good).map((name) => join(bench.digests, name));
    const elsewhere = join(bench.folder, "elsewhere");
    renameSync(link, elsewhere);
    for (const path of [pipe, endless]) rmSync(path);
    execFileSync("mkfifo", [pipe]);
    symlinkSync("/dev/zero", endless);
    symlinkSync(elsewhere, link);
    const said = await stowage(bench.words("image.tar"), { env: bench.env, timeout: 60_000 });
    expect(said.exitCode, said.stderr).toBe(0);
    expect(sha256Of(join(bench.folder, "image.tar"))).toBe(archive);
    expect(bench.texts()).toEqual(good);
    expect(bench.entries().every((name) => lstatSync(join(bench.digests, name)).isFile())).toBe(true);
  });

  test.each([
    ["not there and cannot be made", (bench: Bench) => writeFileSync(bench.cacheHome, "")],
    [
      "a symlink",
      (bench: Bench) => {
        mkdirSync(join(bench.cacheHome, "stowage"), { recursive: true });
        mkdirSync(join(bench.folder, "elsewhere"), { mode: 0o700 });
        symlinkSync(join(bench.folder, "elsewhere"), bench.digests);
      },
    ],
    [
      "one that others may write to",
      (bench: Bench) => {
        mkdirSync(bench.digests, { recursive: true });
        chmodSync(bench.digests, 0o777);
      },
    ],
  ])("a folder that is %s is not used: no failure, a word with -v", async (_what, prepare) => {
    const bench = new Bench();
    prepare(bench);
    const quiet = await bench.pack("image.tar");
    expect(quiet.exitCode, quiet.stderr).toBe(0);
    expect(quiet.stderr).not.toContain("digest cache");
    const verbose = await bench.pack("image.tar", "-v");
    expect(verbose.exitCode).toBe(0);
    expect(verbose.stderr).toContain("digest cache");
  });

  test("a full disk is no failure", async () => {
    if (process.getuid?.() !== 0 || !requirePrograms("unshare", "mount")) return;
    const bench = new Bench();
    mkdirSync(bench.cacheHome);
    const script =
      'mount -t tmpfs -o size=64k none "$0" && dd if=/dev/zero of="$0/full" bs=4k 2>/dev/null; exec "$@"';
    const words = [
      "-m",
      "sh",
      "-c",
      script,
      bench.cacheHome,
      ...stowageWords,
      ...bench.words("image.tar", "-v"),
    ];
    const said = await execa("unshare", words, { env: bench.env, reject: false });
    expect(said.stderr).toContain("digest cache cannot be written");
    expect(said.exitCode, said.stderr).toBe(0);
  });

  test("packs at once into one cache leave whole entries and no others", async () => {
    const bench = new Bench();
    const outputs = ["a.tar", "b.tar", "c.tar", "d.tar"];
    const said = await Promise.all(outputs.map((output) => bench.pack(output)));
    expect(said.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    expect(
      new Set(outputs.map((output) => readFileSync(join(bench.folder, output)).toString("base64"))).size,
    ).toBe(1);
    const entries = bench.entries();
    expect(entries).toHaveLength(names.length);
    expect(entries.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
  });

  test("a pack that is killed leaves nothing that counts", async () => {
    const bench = new Bench((name) => Buffer.alloc(8 << 20, name));
    const expected = await bench.layout();
    const [program = "", ...rest] = stowageWords;
    const env = { ...bench.env, XDG_CACHE_HOME: join(bench.folder, "other") };
    const digests = join(env.XDG_CACHE_HOME, "stowage/digests");
    const child = spawn(program, [...rest, ...bench.words("killed.tar")], { env, stdio: "ignore" });
    const exited = once(child, "exit");
    while (child.exitCode === null && !(existsSync(digests) && readdirSync(digests).length > 0))
      await new Promise((resume) => setImmediate(resume));
    child.kill("SIGKILL");
    await exited;
    expect(await bench.layout({ environment: env, output: join(bench.folder, "again") })).toBe(expected);
  });

  test("with too many entries the oldest go, not those that are taken, and so does what a killed process left", async () => {
    const bench = new Bench();
    const image = await bench.archive();
    const taken = bench.entries();
    for (const name of taken) utimesSync(join(bench.digests, name), 0, 0);
    expect(await bench.archive()).toBe(image);
    const long = new Date(Date.now() - 2 * 60 * 60 * 1000);
    for (let index = 0; index < 8192; index++) {
      const file = join(bench.digests, index.toString(16).padStart(64, "0"));
      writeFileSync(file, "");
      utimesSync(file, long, new Date(long.getTime() + index * 10));
    }
    const left = bench.leave(long);
    await bench.archive({ compression: "gzip:1" });
    const entries = bench.entries();
    expect(entries).toHaveLength(6144);
    expect(entries).toEqual(expect.arrayContaining(taken));
    expect(entries).not.toContain("0".repeat(64));
    expect(entries).toContain((8191).toString(16).padStart(64, "0"));
    expect(existsSync(left)).toBe(false);
  }, 60_000);
});

describe.skipIf(!ready)("an unchanged closure and a layout that has it", () => {
  test.skipIf(!requirePrograms("strace"))("no file of the store is read, no blob written", async () => {
    const bench = new Bench();
    const first = await bench.layout();
    const trace = join(bench.folder, "trace");
    const words = ["-f", "-qq", "-e", "trace=openat,openat2,open", "-o", trace, ...stowageWords];
    const [command, ...rest] = words;
    await execa("strace", [command as string, ...rest, ...bench.words("layout", "--format", "oci-dir")], {
      env: bench.env,
    });
    const opened = readFileSync(trace, "utf8").split("\n");
    const inPaths = bench.store.paths.map((path) => bench.store.onDisk(path, "share/text"));
    expect(opened.filter((line) => inPaths.some((path) => line.includes(path)))).toEqual([]);
    const written = opened.filter((line) => line.includes("blobs/sha256/") && /O_WRONLY|O_RDWR/.test(line));
    expect(written).toEqual([]);
    expect(await bench.layout()).toBe(first);
  });

  test("one that lacks a blob, or has it in another size, gets it", async () => {
    const bench = new Bench();
    const first = await bench.layout();
    const blobs = join(bench.folder, "layout/blobs/sha256");
    const sizes = () =>
      Object.fromEntries(readdirSync(blobs).map((name) => [name, statSync(join(blobs, name)).size]));
    const before = sizes();
    const [one = "", two = ""] = Object.keys(before).filter((name) => (before[name] as number) >= 10_240);
    writeFileSync(join(blobs, one), "short");
    writeFileSync(join(blobs, two), "");
    expect(await bench.layout()).toBe(first);
    expect(sizes()).toEqual(before);
    expect(sha256Of(join(blobs, one))).toBe(one);
  });

  test("one changed path is written, the others are not", async () => {
    const bench = new Bench();
    await bench.layout();
    const blobs = join(bench.folder, "layout/blobs/sha256");
    const inodes = new Map(readdirSync(blobs).map((name) => [name, statSync(join(blobs, name)).ino]));
    const [first = "", second = ""] = bench.store.paths;
    const other = makeChrootStore(["four"]);
    await execa(
      "sh",
      [
        "-c",
        'nix-store --store "$0" --export "$1" | nix-store --store "$2" --import',
        other.url,
        other.paths[0] as string,
        bench.store.url,
      ],
      { env: bench.env },
    );
    const words = ["pack", first, second, other.paths[0] as string, "--store", bench.store.url];
    const place = ["--platform", "linux/amd64", "--format", "oci-dir", "-o", join(bench.folder, "layout")];
    const said = await stowage([...words, ...place], { env: bench.env });
    expect(said.exitCode, said.stderr).toBe(0);
    const added = readdirSync(blobs).filter((name) => !inodes.has(name));
    // The layer, the config, and the manifest.
    expect(added).toHaveLength(3);
    for (const [name, inode] of inodes) expect(statSync(join(blobs, name)).ino).toBe(inode);
  });
});

describe.skipIf(!ready)("stowage cache", () => {
  test("says what is remembered, and forgets it", async () => {
    const bench = new Bench();
    const cache = (...words: readonly string[]): Promise<Said> =>
      stowage(["cache", ...words], { env: bench.env });
    expect((await cache()).stdout).toBe(`remembers 0 layers, 0 B, in ${bench.digests}`);
    await bench.archive();
    const { entries, bytes, folder } = JSON.parse((await cache("--json")).stdout) as Record<string, unknown>;
    expect({ entries, folder }).toEqual({ entries: 3, folder: bench.digests });
    expect(bytes).toBeGreaterThan(300);
    chmodSync(bench.digests, 0o777);
    expect((await cache()).stdout).toBe(
      `remembers 0 layers, 0 B, in ${bench.digests}, which is not used: it is not this user's alone`,
    );
    expect(JSON.parse((await cache("--json")).stdout)).toMatchObject({ entries: 0, isUnused: true });
    chmodSync(bench.digests, 0o700);
    bench.leave(new Date(0));
    mkdirSync(join(bench.digests, "f".repeat(64), "inside"), { recursive: true });
    expect((await cache("--clear")).stdout).toMatch(/^forgot 4 layers, /);
    expect(bench.entries()).toEqual([]);
    expect(JSON.parse((await cache("--clear", "--json")).stdout)).toMatchObject({
      entries: 0,
      cleared: true,
    });
  });
});
