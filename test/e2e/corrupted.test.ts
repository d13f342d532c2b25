import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { makeChrootStore, type ChrootStore } from "../support/chroot-store.ts";
import { startDocker } from "../support/docker.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage, stowageWords, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const names = ["one", "two", "three"] as const;
const ready = requirePrograms("nix-store");

function pack(store: ChrootStore, ...words: readonly string[]): Promise<Said> {
  return stowage(["pack", ...store.paths, "--store", store.url, "--platform", "linux/amd64", ...words]);
}

/** A store whose second path holds other bytes than its database says, as many as before. */
function makeCorruptedStore(): { readonly store: ChrootStore; readonly corrupted: string } {
  const store = makeChrootStore(names);
  const corrupted = store.paths[1] as string;
  store.overwrite(corrupted, "share/text", "owt\n");
  return { store, corrupted };
}

function expectCorrupted(said: Said, path: string): void {
  expect(said.stderr).toContain(`${path} is corrupted`);
  expect(said.stderr).toContain("--no-check");
  // The packages' scripts want a shell that is not there, which is told before.
  const lines = said.stderr.trimEnd().split("\n");
  expect(lines.filter((line) => !line.startsWith("stowage: warning:"))).toHaveLength(2);
  expect(said.exitCode).toBe(3);
}

describe.skipIf(!ready)("a corrupted store path", () => {
  test.each(["archive", "docker-archive", "oci-dir"])("is named, and no %s is written", async (format) => {
    const { store, corrupted } = makeCorruptedStore();
    const folder = temporaryFolder();
    const said = await pack(store, "--format", format, "-o", join(folder, "image"));
    expectCorrupted(said, corrupted);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is found in one layer with others, and with one thread", async () => {
    const { store, corrupted } = makeCorruptedStore();
    const folder = temporaryFolder();
    const words = ["--layering", "single", "--jobs", "1", "-o", join(folder, "image.tar")];
    expectCorrupted(await pack(store, ...words), corrupted);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["a file more", (store: ChrootStore, path: string) => writeFileSync(store.onDisk(path, "bin/more"), "")],
    [
      "a longer file",
      (store: ChrootStore, path: string) => store.overwrite(path, "share/text", "two\ntwo\n"),
    ],
  ])("is found by %s", async (_what, corrupt) => {
    const store = makeChrootStore(names);
    const path = store.paths[2] as string;
    corrupt(store, path);
    expectCorrupted(await pack(store, "-o", join(temporaryFolder(), "image.tar")), path);
  });

  test("is found by plan --digests, which takes it as it is with --no-check", async () => {
    const { store, corrupted } = makeCorruptedStore();
    // Digests that are remembered would be of the paths as they should be.
    const plan = (...words: readonly string[]): Promise<Said> =>
      stowage(["plan", ...store.paths, "--store", store.url, "--json", "--digests", ...words], {
        env: { ...nixEnvironment, XDG_CACHE_HOME: temporaryFolder() },
      });
    expectCorrupted(await plan(), corrupted);
    const digests = async (...words: readonly string[]): Promise<unknown> => {
      const { layers } = JSON.parse((await plan(...words)).stdout) as { layers: { digest: string }[] };
      return layers.map(({ digest }) => digest);
    };
    const taken = await digests("--no-check");
    store.overwrite(corrupted, "share/text", "two\n");
    const whole = await digests();
    expect(await digests("--no-check")).toEqual(whole);
    expect(whole).not.toEqual(taken);
  });

  test("leaves what was at the output's place before", async () => {
    const { store } = makeCorruptedStore();
    const file = join(temporaryFolder(), "image.tar");
    writeFileSync(file, "before");
    expect((await pack(store, "-o", file)).exitCode).toBe(3);
    expect(readFileSync(file, "utf8")).toBe("before");
  });

  test("is packed as it is with --no-check; a whole store gives the same bytes either way", async () => {
    const { store } = makeCorruptedStore();
    const file = join(temporaryFolder(), "image.tar");
    const digest = async (...words: readonly string[]): Promise<string> => {
      const said = await pack(store, "-o", file, ...words);
      expect(said.exitCode, said.stderr).toBe(0);
      return createHash("sha256").update(readFileSync(file)).digest("hex");
    };
    const corrupted = await digest("--no-check");
    store.overwrite(store.paths[1] as string, "share/text", "two\n");
    const whole = await digest("--check");
    expect(await digest("--no-check")).toBe(whole);
    expect(whole).not.toBe(corrupted);
  });
});

describe.skipIf(!ready || !requirePrograms("dockerd", "docker"))("a stream with a corrupted path", () => {
  test("ends before manifest.json, and Docker refuses it", async () => {
    const { store, corrupted } = makeCorruptedStore();
    const [program = "", ...rest] = stowageWords;
    const words = ["pack", ...store.paths, "--store", store.url, "--platform", "linux/amd64", "-o", "-"];
    const cut = await execa(program, [...rest, ...words], {
      reject: false,
      env: nixEnvironment,
      encoding: "buffer",
      stripFinalNewline: false,
    });
    const said = { exitCode: cut.exitCode, stdout: "", stderr: Buffer.from(cut.stderr).toString() };
    expectCorrupted(said, corrupted);
    const stream = Buffer.from(cut.stdout);
    expect(stream.includes("layers/0.tar")).toBe(true);
    expect(stream.includes("manifest.json")).toBe(false);
    await using docker = await startDocker();
    const loaded = await execa("docker", ["-H", docker.host, "load"], { input: stream, reject: false });
    expect(loaded.exitCode).not.toBe(0);
    expect(await docker.run("images", "--quiet")).toBe("");
    // The same command on a whole store is what Docker takes.
    store.overwrite(corrupted, "share/text", "two\n");
    const whole = await execa(program, [...rest, ...words], { env: nixEnvironment, encoding: "buffer" });
    await execa("docker", ["-H", docker.host, "load"], { input: Buffer.from(whole.stdout) });
    expect(await docker.run("images", "--quiet")).not.toBe("");
  });
});
