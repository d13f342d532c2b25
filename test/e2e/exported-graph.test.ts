import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage, stowageWords, type Said } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const ready = requirePrograms("nix", "nix-store", "strace");

/** What `exportReferencesGraph` with structured attributes has of a path. */
interface GraphEntry {
  readonly path: string;
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

describe.skipIf(!ready)("an exported closure is packed", () => {
  let wrapped: Built;
  let folder: string;
  let root: string;
  let paths: GraphEntry[];
  let fromStore: Buffer;

  /** No Nix, no home, no folder for temporary files. */
  const bare = { PATH: "/nowhere", TMPDIR: "/nowhere" };
  const run = (words: readonly string[], env: NodeJS.ProcessEnv = bare): Promise<Said> =>
    stowage(words, { cwd: folder, env, extendEnv: false } as never);
  const write = (name: string, document: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
    return file;
  };
  /** Packs, and returns the image's bytes. */
  const pack = async (...words: string[]): Promise<Buffer> => {
    const output = join(folder, "image.tar");
    const { exitCode, stderr } = await run(["pack", "-q", ...words, "-o", output]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return readFileSync(output);
  };
  const nixStore = (...words: string[]): string =>
    execFileSync("nix-store", words, { env: nixEnvironment, encoding: "utf8" });

  beforeAll(async () => {
    wrapped = buildWorld("tests.wrapped");
    folder = mkdtempSync(join(tmpdir(), "stowage-graph-"));
    const list = execFileSync("nix", ["path-info", "--json", "--recursive", wrapped.link], {
      env: nixEnvironment,
      encoding: "utf8",
    });
    paths = JSON.parse(list) as GraphEntry[];
    root = paths.find(({ path }) => path.endsWith("-wrapped-2.1"))?.path ?? "";
    const output = join(folder, "from-store.tar");
    const { exitCode, stderr } = await stowage(["pack", wrapped.link, "-o", output]);
    expect(exitCode, stderr).toBe(0);
    fromStore = readFileSync(output);
  });
  afterAll(() => {
    wrapped[Symbol.dispose]();
    removeFolder(folder);
  });

  test("to the bytes that the store gives, in each form of the text, with no Nix and no home", async () => {
    const closure = nixStore("-qR", wrapped.link).trim().split("\n");
    const forms = {
      "graph.json": paths,
      ".attrs.json": { exportReferencesGraph: { closure: [root] }, outputs: { out: "/x" }, closure: paths },
      "registration.txt": nixStore("--dump-db", ...closure),
    };
    for (const [name, text] of Object.entries(forms)) {
      const file = write(name, text);
      expect((await pack("--graph", file)).equals(fromStore), name).toBe(true);
    }
    const graph = ["--graph", join(folder, "graph.json")];
    expect((await pack(...graph, "wrapped")).equals(fromStore), "by name").toBe(true);
    expect((await pack(...graph, wrapped.link)).equals(fromStore), "by link").toBe(true);
  });

  test("without hashes in the text too, which is said", async () => {
    const short = paths
      .map(({ path, references }) => `${[path, "", references.length, ...references].join("\n")}\n`)
      .join("");
    const output = join(folder, "short.tar");
    const { exitCode, stderr } = await run(["pack", "--graph", write("short.txt", short), "-o", output]);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/has no NAR hashes: they are taken from the files as they are/);
    expect(readFileSync(output).equals(fromStore)).toBe(true);
  });

  test("running no program, asking nobody", async () => {
    const log = join(folder, "trace");
    const graph = write("graph.json", paths);
    const words = [...stowageWords, "pack", "-q", "--graph", graph, "-o", join(folder, "traced.tar")];
    const calls = "trace=execve,connect,socket";
    const traced = spawnSync("strace", ["-f", "-o", log, "-e", calls, ...words], {
      cwd: folder,
      // With HOME the C library has no reason to ask who the user is.
      env: { ...bare, PATH: process.env["PATH"], HOME: "/nowhere" },
      encoding: "utf8",
    });
    expect(traced.status, traced.stderr).toBe(0);
    const made = readFileSync(log, "utf8").split("\n");
    expect(made.filter((line) => line.includes("execve("))).toHaveLength(1);
    expect(made.filter((line) => /connect\(|socket\(/.test(line))).toEqual([]);
  });

  test("where there is no user database and nothing but the output may be written", async () => {
    const graph = write("graph.json", paths);
    // Another user's view: its own mounts, no /etc, all of the disk read-only but one folder.
    const out = join(folder, "out");
    mkdirSync(out, { recursive: true });
    const script = `mount -t tmpfs none /etc && mount --bind '${out}' '${out}' && mount -o remount,ro,bind / && exec "$@"`;
    const words = [...stowageWords, "-v", "pack", "--graph", graph, "-o", join(out, "image.tar")];
    const packed = spawnSync(
      "unshare",
      ["--mount", "sh", "-c", script, "sh", "env", "-i", "PATH=/nowhere", ...words],
      { cwd: folder, encoding: "utf8" },
    );
    expect(packed.status, packed.stderr).toBe(0);
    expect(packed.stderr).toMatch(/the digest cache cannot be written/);
    expect(packed.stderr).not.toMatch(/warning/);
    expect(readFileSync(join(out, "image.tar")).equals(fromStore)).toBe(true);
  });

  test("with what --include names, which no link and no PATH leads to", async () => {
    const graph = write("graph.json", paths);
    const dash = paths.find(({ path }) => /-dash-[\d.]+/.test(path))?.path ?? "";
    const said = await run(["pack", "--graph", graph, dash, "--dry-run", "--json"]);
    const both = await run(["pack", "--graph", graph, dash, "--include", "wrapped", "--dry-run", "--json"]);
    const sizeOf = ({ stdout }: Said): unknown =>
      (JSON.parse(stdout) as { closure: { paths: number } }).closure.paths;
    expect(sizeOf(said)).toBeLessThan(paths.length);
    expect(sizeOf(both)).toBe(paths.length);
    const entrypoints = [said, both].map(
      ({ stdout }) => (JSON.parse(stdout) as { entrypoint: unknown }).entrypoint,
    );
    expect(entrypoints[0]).toEqual(entrypoints[1]);
  });

  test("after plan, ls and why --precise said what is in it, from the files too", async () => {
    const graph = write("graph.json", paths);
    const planned = await run(["plan", "--graph", graph, "--json"]);
    expect(planned.stderr).toBe("");
    const plan = JSON.parse(planned.stdout) as { sizes: string; layers: { paths: string[] }[] };
    expect(plan.sizes).toBe("tar");
    expect(
      (await pack("--graph", graph, "--plan", write("plan.json", planned.stdout))).equals(fromStore),
    ).toBe(true);
    const listed = await run(["ls", "--graph", graph, "--json", "--on-disk"]);
    expect((JSON.parse(listed.stdout) as { paths: unknown[] }).paths).toHaveLength(paths.length);
    const precise = await run(["why", "--graph", graph, "wrapped", "dash", "--precise"]);
    expect(precise.stdout).toMatch(/bin\/wrapped-program/);
    expect([precise.exitCode, listed.exitCode]).toEqual([0, 0]);
  });

  test("after check held the image of it against a budget", async () => {
    const graph = write("graph.json", paths);
    const { size } = statSync(join(folder, "from-store.tar"));
    const check = (imageSize: number): Promise<Said> =>
      run(["check", "--graph", graph, "--budget", write("budget.json", { imageSize })]);
    expect((await check(size)).exitCode).toBe(0);
    const over = await check(1024);
    expect([over.exitCode, over.stdout]).toEqual([1, expect.stringContaining("image")]);
  });

  describe("or refused, with what to do:", () => {
    const refusal = async (words: readonly string[]): Promise<Said> => {
      const output = join(folder, "refused.tar");
      const said = await run(["pack", ...words, "-o", output]);
      expect(existsSync(output)).toBe(false);
      expect(said.stderr).not.toMatch(/\n\s+at /);
      return said;
    };

    test("a file that differs from what the graph says", async () => {
      const other = paths.map((entry) =>
        entry.path === root ? { ...entry, narHash: `sha256:${"0".repeat(52)}` } : entry,
      );
      const { exitCode, stderr } = await refusal(["--graph", write("other.json", other)]);
      expect(exitCode).toBe(3);
      expect(stderr).toContain(root);
      const unchecked = await run([
        "pack",
        "--no-check",
        "--graph",
        join(folder, "other.json"),
        "-o",
        join(folder, "unchecked.tar"),
      ]);
      expect(unchecked.exitCode).toBe(0);
    });

    test("a closure that is not whole", async () => {
      const leaf = paths.find(({ references, path }) => references.every((other) => other === path));
      const partial = paths.filter(({ path }) => path !== leaf?.path);
      const { exitCode, stderr } = await refusal(["--graph", write("partial.json", partial)]);
      expect([exitCode, stderr]).toEqual([3, expect.stringContaining("the closure is not complete")]);
    });

    test("several roots without an order, which structured attributes have", async () => {
      const gone = {
        path: `/nix/store/${"0".repeat(32)}-gone-1.0`,
        narHash: `sha256:${"0".repeat(64)}`,
        narSize: 8,
        references: [],
      };
      const several = write("several.json", [...paths, gone]);
      const { exitCode, stderr } = await refusal(["--graph", several]);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/has 2 roots, and does not say which is the first: gone-1\.0, wrapped-2\.1/);
      const named = { exportReferencesGraph: { a: [root], b: gone.path }, all: [...paths, gone] };
      const elsewhere = await refusal(["--graph", write("named.json", named)]);
      expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([3, expect.stringContaining("gone-1.0")]);
    });

    test("files that are not on this machine", async () => {
      const gone = {
        path: `/nix/store/${"0".repeat(32)}-gone-1.0`,
        narHash: `sha256:${"0".repeat(64)}`,
        narSize: 8,
        references: [],
      };
      const elsewhere = paths.map((entry) =>
        entry.path === root ? { ...entry, references: [...entry.references, gone.path] } : entry,
      );
      const { exitCode, stderr } = await refusal(["--graph", write("elsewhere.json", [...elsewhere, gone])]);
      expect([exitCode, stderr]).toEqual([
        3,
        expect.stringMatching(/gone-1\.0 is not on this machine, so it cannot be packed/),
      ]);
    });

    test.each([
      ["a target outside of it", ["/etc"], 3, /not in the Nix store/],
      ["a word for nothing in it", ["nothing"], 3, /'nothing' does not exist/],
      ["a word for nothing among what comes along", ["wrapped", "--include", "nothing"], 3, /'nothing'/],
    ])("%s", async (_, words, status, says) => {
      const { exitCode, stderr } = await refusal(["--graph", write("graph.json", paths), ...words]);
      expect(stderr).toMatch(says);
      expect(exitCode).toBe(status);
    });

    test("a store path that it does not list", async () => {
      const outside = nixStore("--add", write("outside-1.0", "outside")).trim();
      const { exitCode, stderr } = await refusal(["--graph", write("graph.json", paths), outside]);
      expect([exitCode, stderr]).toEqual([
        3,
        expect.stringContaining(`${outside} is not in the exported closure`),
      ]);
    });

    test("a file that is not there, or is no closure", async () => {
      const missing = await refusal(["--graph", "nothing.json"]);
      expect([missing.exitCode, missing.stderr]).toEqual([
        2,
        expect.stringContaining("--graph: cannot read 'nothing.json': it does not exist"),
      ]);
      const none = await refusal(["--graph", write("none.json", "[]")]);
      expect([none.exitCode, none.stderr]).toEqual([3, expect.stringContaining("holds no store path")]);
    });
  });
});
