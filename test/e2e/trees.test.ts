import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { narHashToHex, measureTree, parseNarHash, readTree } from "@stowage/nix";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startDocker } from "../support/docker.ts";
import { nastyTrees } from "../support/nasty-trees.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { file, folder, someBytes, writeTree } from "../support/trees.ts";

const ready = requirePrograms(
  "nix-store",
  "nix-build",
  "tar",
  "bsdtar",
  "python3",
  "umoci",
  "podman",
  "dockerd",
  "docker",
);
const patience = 300_000;

/** Extracts a layer with Python, whose names would be absolute otherwise. */
const pythonReader = `
import sys, tarfile
with tarfile.open(sys.argv[1], errors="surrogateescape") as archive:
  members = archive.getmembers()
  for member in members: member.name = member.name[1:]
  archive.extractall(sys.argv[2], members)
`;

const runs = (program: string, words: readonly string[], locale = "C.UTF-8"): void => {
  execFileSync(program, words, {
    env: { ...process.env, LC_ALL: locale },
    stdio: ["ignore", "ignore", "pipe"],
  });
};

/** Two paths with the same files, which `nix-store --optimise` makes hard links of one another. */
const twins = folder(["large", file(someBytes(100_000))], ["run", file(someBytes(300), true)]);

/**
 * Trees of every kind, put into a store of their own by real Nix and optimised there, packed into one image; then
 * each reader unpacks it, and what comes out must have the NAR hash that Nix's database has.
 */
describe.skipIf(!ready)(
  "trees of every kind come out of every reader as Nix put them in",
  { timeout: patience },
  () => {
    let scratch: string;
    let root: string;
    let paths: readonly string[];
    let hashes: ReadonlyMap<string, string>;
    let archive: string;
    let diffIds: readonly string[];

    const nixStore = (...words: string[]): string =>
      execFileSync("nix-store", words, {
        env: nixEnvironment,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    const named = (name: string): string => paths.find((path) => path.endsWith(`-${name}`)) ?? "";

    async function packTo(output: string, ...words: string[]): Promise<readonly string[]> {
      const options = ["--store", `local?root=${root}`, "--platform", "linux/amd64", "--layering", "single"];
      const packed = await stowage([
        "pack",
        ...paths,
        ...options,
        "-t",
        "trees:1",
        "-o",
        output,
        "--json",
        ...words,
      ]);
      expect(packed.exitCode, packed.stderr).toBe(0);
      return (JSON.parse(packed.stdout) as { layers: { diffId: string }[] }).layers.map(
        ({ diffId }) => diffId,
      );
    }

    beforeAll(async () => {
      scratch = mkdtempSync(join(tmpdir(), "stowage-trees-"));
      root = join(scratch, "root");
      const store = ["--store", `local?root=${root}`];
      const sources = Object.entries({ ...nastyTrees, "a-twin": twins, "another-twin": twins });
      for (const [name, tree] of sources) writeTree(Buffer.from(join(scratch, name)), tree);
      const added = nixStore(...store, "--add", ...sources.map(([name]) => join(scratch, name)));
      paths = [...added.trim().split("\n"), addSelfReference(store)];
      hashes = new Map(
        paths.map((path) => [
          path,
          narHashToHex(parseNarHash(nixStore(...store, "-q", "--hash", path).trim())),
        ]),
      );
      const before = await packTo(join(scratch, "before.tar"));
      nixStore(...store, "--optimise");
      archive = join(scratch, "image.tar");
      diffIds = await packTo(archive);
      expect(diffIds).toEqual(before);
      execFileSync("tar", ["-xf", archive, "-C", scratch]);
    }, patience);
    afterAll(() => removeFolder(scratch));

    /** A path that names itself, built by Nix and copied over with its reference. */
    function addSelfReference(store: readonly string[]): string {
      const expression = `derivation {
      name = "a-self-reference"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "echo $out > $out" ];
    }`;
      const words = ["--no-out-link", "-E", expression];
      const [path = ""] = execFileSync("nix-build", words, {
        env: nixEnvironment,
        encoding: "utf8",
        stdio: "pipe",
      }).split("\n");
      const exported = execFileSync("nix-store", ["--export", path], { env: nixEnvironment, stdio: "pipe" });
      execFileSync("nix-store", [...store, "--import"], {
        env: nixEnvironment,
        input: exported,
        stdio: "pipe",
      });
      return path;
    }

    /** Checks what a reader made of every path, but for those it cannot read. */
    function expectAsStored(
      unpacked: string,
      { except = [], linkTimes = true }: { except?: readonly string[]; linkTimes?: boolean } = {},
    ): void {
      const wrong: string[] = [];
      for (const path of paths) {
        if (except.includes(path)) continue;
        const directory = join(unpacked, path);
        if (narHashToHex(measureTree(readTree({ directory })).hash) !== hashes.get(path))
          wrong.push(`${path}: its NAR hash`);
        for (const entry of readTree({ directory })) {
          const place = Buffer.concat([
            Buffer.from(directory),
            Buffer.from(entry.path.length > 0 ? "/" : ""),
            entry.path,
          ]);
          const { mode, mtimeMs, uid, gid } = lstatSync(place);
          const shown = `${path}/${entry.path.toString("latin1")}`;
          const runs = entry.type === "directory" || (entry.type === "file" && entry.executable);
          const expected = entry.type === "symlink" ? 0o777 : runs ? 0o555 : 0o444;
          if ((mode & 0o7777) !== expected) wrong.push(`${shown}: mode ${mode.toString(8)}`);
          if (mtimeMs !== 1000 && (linkTimes || entry.type !== "symlink"))
            wrong.push(`${shown}: time ${mtimeMs}`);
          if (process.getuid?.() === 0 && uid + gid > 0) wrong.push(`${shown}: owner ${uid}:${gid}`);
        }
      }
      expect(wrong).toEqual([]);
    }

    const layerFile = (): string => join(scratch, "blobs/sha256", diffIds[0]?.slice("sha256:".length) ?? "");
    const emptyFolder = (): string => {
      const out = join(temporaryFolder(), "out");
      mkdirSync(out);
      return out;
    };

    test("the store holds what it should", () => {
      expect(paths).toHaveLength(Object.keys(nastyTrees).length + 3);
      const kinds = ["a-file", "a-symlink", "an-empty-directory"].map((name) =>
        lstatSync(join(root, named(name))),
      );
      expect(kinds.map((stats) => [stats.isFile(), stats.isSymbolicLink(), stats.isDirectory()])).toEqual([
        [true, false, false],
        [false, true, false],
        [false, false, true],
      ]);
      const inodes = ["a-twin", "another-twin"].map(
        (name) => lstatSync(join(root, named(name), "large")).ino,
      );
      expect(inodes[0]).toBe(inodes[1]);
      const references = nixStore(
        "--store",
        `local?root=${root}`,
        "-q",
        "--references",
        named("a-self-reference"),
      );
      expect(references.trim()).toBe(named("a-self-reference"));
      expectAsStored(root);
    });

    test("GNU tar", () => {
      const out = emptyFolder();
      runs("tar", ["-xpf", layerFile(), "-C", out]);
      expectAsStored(out);
    });

    test("Python's tarfile, which gives symlinks no time", () => {
      const out = emptyFolder();
      runs("python3", ["-c", pythonReader, layerFile(), out]);
      expectAsStored(out, { linkTimes: false });
    });

    test("bsdtar, but for names that differ in normalisation only", () => {
      const out = emptyFolder();
      const skipped = named("names-that-differ-in-normalisation");
      runs("bsdtar", ["-xpf", layerFile(), "-C", out, "--exclude", skipped]);
      expectAsStored(out, { except: [skipped] });
      // It is the reader: it turns names of a PAX header into NFC, those of its own archives as well.
      const own = join(temporaryFolder(), "own.tar");
      runs("bsdtar", ["--format", "pax", "-cf", own, "-C", join(root, skipped), "."]);
      const again = emptyFolder();
      expect(() => runs("bsdtar", ["-xf", own, "-C", again])).toThrow("Error exit");
    });

    test("umoci", () => {
      const bundle = join(temporaryFolder(), "bundle");
      runs("umoci", ["unpack", "--image", `${scratch}:1`, bundle]);
      expectAsStored(join(bundle, "rootfs"));
    });

    test("stowage verify: with Nix's word, and with the image's own", async () => {
      for (const [store, verdict] of [
        [root, "matches-nix"],
        [join(temporaryFolder(), "empty"), "self-consistent"],
      ]) {
        const verified = await stowage(["verify", archive, "--store", `local?root=${store}`, "--json"]);
        expect(verified.exitCode, verified.stdout).toBe(0);
        expect(JSON.parse(verified.stdout)).toMatchObject({ verdict });
      }
    });

    /** The layers in a saved docker-archive, as diffIDs: whoever saves them has made them again from unpacked files. */
    function savedDiffIds(saved: string): string[] {
      const out = emptyFolder();
      runs("tar", ["-xf", saved, "-C", out]);
      const [image] = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8")) as { Layers: string[] }[];
      return (image?.Layers ?? []).map(
        (name) =>
          `sha256:${createHash("sha256")
            .update(readFileSync(join(out, name)))
            .digest("hex")}`,
      );
    }

    test("podman", async () => {
      const storage = temporaryFolder();
      const places = [
        "--root",
        join(storage, "root"),
        "--runroot",
        join(storage, "run"),
        "--storage-driver",
        "vfs",
      ];
      const podman = async (...words: string[]): Promise<string> =>
        (await execa("podman", [...places, ...words])).stdout;
      await podman("load", "-i", archive);
      const mounted = await podman("image", "mount", "trees:1");
      onTestFinished(() => podman("image", "umount", "trees:1").then(() => undefined));
      expectAsStored(mounted);
      const saved = join(storage, "saved.tar");
      await podman("save", "--format", "docker-archive", "-o", saved, "trees:1");
      expect(savedDiffIds(saved)).toEqual(diffIds);
    });

    test("docker", async () => {
      await using docker = await startDocker();
      await docker.run("load", "-i", archive);
      const container = await docker.run("create", "trees:1", "nothing");
      const folder = temporaryFolder();
      await docker.run("export", "-o", join(folder, "exported.tar"), container);
      const out = emptyFolder();
      runs("tar", ["-xpf", join(folder, "exported.tar"), "-C", out]);
      expectAsStored(out);
      await docker.run("save", "-o", join(folder, "saved.tar"), "trees:1");
      expect(savedDiffIds(join(folder, "saved.tar"))).toEqual(diffIds);
    });

    test("names that runtimes take for deletions are refused by name, and nothing is written", async () => {
      const source = join(temporaryFolder(), "with-a-whiteout");
      writeTree(Buffer.from(source), folder(["bin", folder([".wh.program", file("x")])]));
      const path = nixStore("--store", `local?root=${root}`, "--add", source).trim();
      const output = join(temporaryFolder(), "image.tar");
      const words = ["--store", `local?root=${root}`, "--platform", "linux/amd64", "-o", output];
      const refused = await stowage(["pack", path, ...words]);
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toContain(`${path}/bin/.wh.program`);
      expect(() => lstatSync(output)).toThrow("ENOENT");
    });
  },
);
