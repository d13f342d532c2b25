import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache } from "../support/binary-cache.ts";
import { heldCache } from "../support/held-cache.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { traceStowage } from "../support/strace.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix", "nix-store", "strace");

describe.skipIf(!ready)("temporary files where no file can be made without a name (NFS, say)", () => {
  let small: SmallClosure;
  let cache: string;
  beforeAll(() => {
    small = makeSmallClosure();
    cache = join(small.root, "../a-binary-cache");
    copyToCache(small.paths, { folder: cache, from: small.url, compression: "none" });
  });
  afterAll(() => small[Symbol.dispose]());

  test.each([
    ["a stream's layers", { fetches: false, more: ["--compression", "gzip", "--spool"] }],
    ["NARs from a binary cache", { fetches: true, more: ["--no-check-sigs"] }],
  ])("%s: they have one for a moment, and the bytes are the same", async (_, { fetches, more }) => {
    const folder = temporaryFolder();
    const run = async (name: string, expression: string) => {
      const cwd = join(folder, name);
      const temporary = join(folder, `${name}.temporary`);
      for (const made of [cwd, temporary]) mkdirSync(made);
      const env = { ...nixEnvironment, TMPDIR: temporary, XDG_CACHE_HOME: join(folder, `${name}.cache`) };
      await using held = fetches ? await heldCache(cache) : undefined;
      const words = small.pack.map((word) => (held !== undefined && word === small.url ? held.url : word));
      const traced = await traceStowage([...words, ...more, "-o", "-"], {
        cwd,
        env,
        expression,
        paths: [temporary],
        gate: held,
        stdout: join(cwd, "output"),
      });
      expect(traced).toMatchObject({ exitCode: 0, stderr: "" });
      expect(readdirSync(temporary)).toEqual([]);
      return { log: traced.log, output: fingerprint(join(cwd, "output")) };
    };
    const nameless = await run("nameless", "trace=openat");
    expect(nameless.log.filter((line) => line.includes("O_TMPFILE")).length).toBeGreaterThan(0);
    expect(nameless.log.join("\n")).not.toContain("O_CREAT");
    const named = await run("named", "inject=openat:error=EOPNOTSUPP");
    expect(named.log.join("\n")).toContain("INJECTED");
    expect(named.output).toEqual(nameless.output);
  });
});
