import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { statusOf, type Ended } from "../support/exit-status.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "mkfifo");

/** A folder to add to a store: a program and what it reads. */
function makeSource(): string {
  const source = join(temporaryFolder(), "thing-1.0");
  mkdirSync(join(source, "bin"), { recursive: true });
  writeFileSync(join(source, "bin/thing"), "#!/bin/sh\necho thing\n");
  chmodSync(join(source, "bin/thing"), 0o755);
  writeFileSync(join(source, "unique"), String(Math.random()));
  return source;
}

function nixStore(words: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync("nix-store", words, {
    env: { ...nixEnvironment, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

/** A store under another root, with one path. */
function makeChrootStore(): { readonly root: string; readonly url: string; readonly path: string } {
  const root = join(temporaryFolder(), "root");
  const url = `local?root=${root}`;
  const path = nixStore(["--store", url, "--add", makeSource()]);
  expect(existsSync(path)).toBe(false);
  return { root, url, path };
}

const platform = ["--platform", "linux/amd64"];

async function packDigest(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const file = join(temporaryFolder(), "image.tar");
  const packed = await stowage(["pack", ...words, ...platform, "-o", file], {
    env: { ...nixEnvironment, ...env },
  });
  expect(packed.exitCode, packed.stderr).toBe(0);
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

describe.skipIf(!ready)("stores", () => {
  test("under another root: by URL, by environment, by folder, by link, by the path on disk; the same bytes as from /nix", async () => {
    const source = makeSource();
    const path = nixStore(["--add", source]);
    const expected = await packDigest([path]);
    const root = join(temporaryFolder(), "root");
    expect(nixStore(["--store", `local?root=${root}`, "--add", source])).toBe(path);
    const link = join(temporaryFolder(), "result");
    symlinkSync(path, link);
    const store = ["--store", `local?root=${root}`];
    execFileSync("nix-store", ["--delete", path], { env: nixEnvironment, stdio: "ignore" });
    expect(existsSync(path)).toBe(false);
    expect(await packDigest([...store, path])).toBe(expected);
    expect(await packDigest([...store, link])).toBe(expected);
    expect(await packDigest([...store, `${root}${path}/bin`])).toBe(expected);
    expect(await packDigest(["--store", root, path])).toBe(expected);
    expect(await packDigest([path], { NIX_REMOTE: `local?root=${root}` })).toBe(expected);
    const missing = await stowage(["pack", path, ...platform], { cwd: temporaryFolder() });
    expect(missing.exitCode).toBe(3);
  });

  test("with another store directory, as NIX_STORE_DIR says", async () => {
    const folder = temporaryFolder();
    const env = {
      NIX_STORE_DIR: `${folder}/store`,
      NIX_STATE_DIR: `${folder}/state`,
      NIX_LOG_DIR: `${folder}/log`,
    };
    const path = nixStore(["--add", makeSource()], env);
    expect(path.startsWith(`${folder}/store/`)).toBe(true);
    const file = join(folder, "image.tar");
    const packed = await stowage(["pack", path, ...platform, "-o", file, "--json"], {
      env: { ...nixEnvironment, ...env },
    });
    expect(packed.exitCode, packed.stderr).toBe(0);
    await expectMatchesNix(file, { environment: { ...nixEnvironment, ...env } });
    expect(JSON.parse(packed.stdout)).toMatchObject({
      layers: [{ paths: [path] }, { paths: [] }],
      entrypoint: ["/result/bin/thing"],
    });
  });

  test("of another kind are refused with a word on what is taken", async () => {
    for (const url of ["ssh://host", "s3://bucket", "ftp://host", "nonsense"]) {
      const refused = await stowage(["pack", "--store", url, "/nix/store"]);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toMatch(
        /is neither a store whose files are on this machine nor a binary cache\n {2}Take daemon, local/,
      );
    }
  });
});

describe.skipIf(!ready)("the temporary root", () => {
  /** A pack that has taken its root and waits for the reader of a FIFO. */
  async function startWaiting(
    store: { url: string; path: string },
    cache: string,
  ): Promise<ReturnType<typeof spawn>> {
    const folder = temporaryFolder();
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const roots = join(cache, "stowage/roots");
    const links = (): number =>
      existsSync(roots)
        ? readdirSync(roots, { recursive: true }).filter((name) => String(name).includes("/")).length
        : 0;
    const before = links();
    const [program = "", ...words] = stowageWords;
    const packing = spawn(
      program,
      [...words, "pack", "--store", store.url, store.path, ...platform, "-o", join(folder, "fifo")],
      {
        env: { ...nixEnvironment, XDG_CACHE_HOME: cache },
        stdio: "ignore",
      },
    );
    onTestFinished(() => void packing.kill("SIGKILL"));
    for (let tries = 0; links() === before && tries < 2400; tries++) await sleep(25);
    await sleep(300);
    return packing;
  }

  const isThere = (store: { root: string; path: string }): boolean =>
    existsSync(`${store.root}${store.path}`);

  test("holds the closure while it is packed, and is gone after", async () => {
    const store = makeChrootStore();
    const cache = temporaryFolder();
    const packing = await startWaiting(store, cache);
    nixStore(["--store", store.url, "--gc"]);
    expect(isThere(store)).toBe(true);
    const exited = once(packing, "exit");
    packing.kill("SIGTERM");
    expect(statusOf((await exited) as Ended)).toBe(143);
    expect(readdirSync(join(cache, "stowage/roots"))).toEqual([]);
    nixStore(["--store", store.url, "--gc"]);
    expect(isThere(store)).toBe(false);
  });

  test("of a killed pack is removed by the next, that of a living one is not", async () => {
    const store = makeChrootStore();
    const cache = temporaryFolder();
    const living = await startWaiting(store, cache);
    const killed = await startWaiting(store, cache);
    const exited = once(killed, "exit");
    killed.kill("SIGKILL");
    await exited;
    const roots = join(cache, "stowage/roots");
    expect(readdirSync(roots)).toHaveLength(2);
    await packDigest(["--store", store.url, store.path], { XDG_CACHE_HOME: cache });
    expect(readdirSync(roots)).toHaveLength(1);
    nixStore(["--store", store.url, "--gc"]);
    expect(isThere(store)).toBe(true);
    living.kill("SIGTERM");
    await once(living, "exit");
    expect(readdirSync(roots)).toEqual([]);
  });

  test("that cannot be taken is a warning, and the image is made", async () => {
    const store = makeChrootStore();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "cache"), "a file, not a folder");
    const packed = await stowage(["pack", "--store", store.url, store.path, ...platform, "-o", "image.tar"], {
      cwd: folder,
      env: { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "cache") },
    });
    expect(packed.stderr).toMatch(
      /^stowage: warning: the paths are not protected from the garbage collector: /,
    );
    expect(packed.exitCode).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual(["cache", "image.tar"]);
  });

  test("builds and substitutes nothing: a path that is not valid stays so", async () => {
    const store = makeChrootStore();
    const gone = `/nix/store/${"2".repeat(32)}-gone`;
    mkdirSync(`${store.root}${gone}`);
    const packed = await stowage(["-q", "pack", "--store", store.url, gone, ...platform], {
      cwd: temporaryFolder(),
    });
    expect(packed.exitCode).toBe(3);
    expect(packed.stderr).toMatch(/2-gone is not a valid path of the store/);
  });
});
