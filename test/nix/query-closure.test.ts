import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Closure, type Store, type StorePath } from "@stowage/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asRegistration, generateClosure, type GeneratedPath } from "../bench/closure-generator.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { waitUntil } from "../support/wait-for.ts";

const ready = requirePrograms("nix-store", "mkfifo");

/** Their database is beyond what is printed whole at once. */
const paths = generateClosure(3000);
const few = generateClosure(300);
const byPath = new Map(paths.map((path) => [path.path, path]));
const [last, inner] = [paths.at(-1)!.path, paths[200]!.path] as [StorePath, StorePath];

function expectedClosure(...roots: StorePath[]): unknown {
  return expectedOf(byPath, roots);
}

/** What the generated paths themselves say. */
function expectedOf(generated: ReadonlyMap<string, GeneratedPath>, roots: readonly StorePath[]): unknown {
  const needed = new Set<string>(roots);
  for (const path of needed) for (const reference of generated.get(path)!.references) needed.add(reference);
  return {
    storeDir: "/nix/store",
    roots,
    paths: [...needed].toSorted().map((path) => {
      const { narSize, references } = generated.get(path)!;
      return { path, narSize, references };
    }),
  };
}

/** Shell words for the calls of `nix-store` that a store makes; the real one is `$REAL`. */
interface Calls {
  readonly list: string;
  readonly whole: string;
}

const real = 'exec "$REAL" "$@"';
/** Says that it is there, and stays. */
const stays = (name: string): string =>
  `echo $$ > "$FOLDER/${name}.pid"; echo > "$FOLDER/fifo"; exec sleep 1000`;
const afterTheOther = 'cat "$FOLDER/fifo" > "$FOLDER/heard"';

/** A store with these paths while a suite runs, and the program that answers for it. */
function useStore(generated: readonly GeneratedPath[]): { readonly url: string; readonly program: string } {
  const store = { url: "", program: "" };
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-query-"));
    store.url = `local?root=${join(folder, "root")}`;
    store.program = execFileSync("sh", ["-c", "command -v nix-store"], { encoding: "utf8" }).trim();
    execFileSync("nix-store", ["--store", store.url, "--load-db"], {
      env: nixEnvironment,
      input: asRegistration(generated),
      stdio: ["pipe", "ignore", "pipe"],
    });
  });
  afterAll(() => removeFolder(folder));
  return store;
}

describe.skipIf(!ready)("a closure is listed, and looked for in the whole database, side by side", () => {
  const made = useStore(paths);

  function openWith({ list, whole }: Calls): { readonly store: Store; readonly bin: string } {
    const bin = temporaryFolder();
    execFileSync("mkfifo", [join(bin, "fifo")]);
    const lines = [
      "#!/bin/sh",
      'case "$*" in',
      `*--requisites*) ${list} ;;`,
      `*--dump-db) ${whole} ;;`,
      "esac",
    ];
    writeFileSync(join(bin, "nix-store"), [...lines, real, ""].join("\n"), { mode: 0o755 });
    const environment = { ...nixEnvironment, PATH: `${bin}:${process.env["PATH"]}` };
    const store = openStore({
      url: made.url,
      environment: { ...environment, REAL: made.program, FOLDER: bin },
    });
    return { store, bin };
  }

  /** 0 as long as it has not said. */
  function processOf(bin: string, name: string): number {
    const file = join(bin, `${name}.pid`);
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  }

  function expectEnded(bin: string, name: string): void {
    const id = processOf(bin, name);
    expect(id).toBeGreaterThan(0);
    expect(() => process.kill(id, 0)).toThrow("ESRCH");
  }

  test.each<[string, Calls, ended: string | undefined]>([
    ["each for itself", { list: real, whole: real }, undefined],
    [
      "the whole database is there first, and the list is ended",
      { list: stays("list"), whole: `${afterTheOther}; ${real}` },
      "list",
    ],
    [
      "the list is there first, and the whole database is ended",
      { list: `${afterTheOther}; ${real}`, whole: stays("whole") },
      "whole",
    ],
    [
      "the whole database fails",
      { list: `${afterTheOther}; ${real}`, whole: 'echo "error: busy" > "$FOLDER/fifo"; exit 1' },
      undefined,
    ],
    [
      "the whole database is damaged where nobody asks",
      {
        list: `${afterTheOther}; ${real}`,
        whole: 'exec 3> "$FOLDER/fifo"; "$REAL" "$@"; echo nonsense; exit 0',
      },
      undefined,
    ],
  ])("the answer is the same: %s", async (_, calls, ended) => {
    for (const roots of [[last], [inner], [inner, last]]) {
      const { store, bin } = openWith(calls);
      expect(await store.queryClosure(roots)).toMatchObject(expectedClosure(...roots) as Closure);
      if (ended !== undefined) expectEnded(bin, ended);
    }
  });

  test("what the list says is wrong is wrong, whatever the whole database does", async () => {
    const gone = `/nix/store/${"0".repeat(32)}-gone` as StorePath;
    const { store, bin } = openWith({ list: `${afterTheOther}; ${real}`, whole: stays("whole") });
    await expect(store.queryClosure([last, gone])).rejects.toMatchObject({
      code: "path-invalid",
      path: gone,
    });
    expectEnded(bin, "whole");
    const found = openWith({
      list: `${afterTheOther}; ${real}`,
      whole: `exec 3> "$FOLDER/fifo"; "$REAL" "$@"; exit 0`,
    });
    await expect(found.store.queryClosure([gone])).rejects.toMatchObject({
      code: "path-invalid",
      path: gone,
    });
  });

  test("nothing is left running when it is told to stop", async () => {
    const { store, bin } = openWith({
      list: stays("list"),
      whole: `cat "$FOLDER/fifo" > "$FOLDER/heard"; ${stays("whole")}`,
    });
    const controller = new AbortController();
    const answer = store.queryClosure([last], { signal: controller.signal });
    const stopped = expect(answer).rejects.toThrow("enough");
    await waitUntil(() => processOf(bin, "list") > 0 && processOf(bin, "whole") > 0);
    controller.abort(new Error("enough"));
    await stopped;
    expectEnded(bin, "list");
    expectEnded(bin, "whole");
  });
});

describe.skipIf(!ready)("a small database is printed whole, by one call", () => {
  const made = useStore(few);

  /** The store, and what its program was called with; `whole` are shell words for the call that prints everything. */
  function openTold(whole: string): { readonly store: Store; readonly calls: () => string[] } {
    const bin = temporaryFolder();
    const lines = [
      "#!/bin/sh",
      `echo "$*" >> "${bin}/calls"`,
      `case "$*" in *--dump-db) ${whole} ;; esac`,
      real,
    ];
    writeFileSync(join(bin, "nix-store"), [...lines, ""].join("\n"), { mode: 0o755 });
    const environment = { ...nixEnvironment, PATH: `${bin}:${process.env["PATH"]}`, REAL: made.program };
    return {
      store: openStore({ url: made.url, environment }),
      calls: () =>
        readFileSync(join(bin, "calls"), "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => /--(?:requisites|dump-db\b.?)/.exec(line)?.[0] ?? line),
    };
  }

  const smallByPath = new Map(few.map((path) => [path.path, path]));
  const roots = [few.at(-1)!.path, few[100]!.path] as StorePath[];

  test("which is all that is asked", async () => {
    const { store, calls } = openTold(":");
    expect(await store.queryClosure(roots)).toMatchObject(expectedOf(smallByPath, roots) as Closure);
    expect(calls()).toEqual(["--dump-db"]);
  });

  test.each([
    ["fails", 'echo "error: busy" >&2; exit 1'],
    ["is no registration", "echo nonsense; exit 0"],
    ["lacks a path that was collected meanwhile", "exit 0"],
  ])("and when that %s, the list says what there is", async (_, whole) => {
    const { store, calls } = openTold(whole);
    expect(await store.queryClosure(roots)).toMatchObject(expectedOf(smallByPath, roots) as Closure);
    expect(calls()).toEqual(expect.arrayContaining(["--dump-db", "--requisites", "--dump-db "]));
  });

  test("what is not valid is named by the list", async () => {
    const gone = `/nix/store/${"0".repeat(32)}-gone` as StorePath;
    const { store } = openTold(":");
    await expect(store.queryClosure([...roots, gone])).rejects.toMatchObject({
      code: "path-invalid",
      path: gone,
    });
  });

  test("nothing is left running, and nothing else is asked, when it is told to stop", async () => {
    const pid = join(temporaryFolder(), "pid");
    const { store, calls } = openTold(`echo $$ > "${pid}"; exec sleep 1000`);
    const controller = new AbortController();
    const stopped = expect(store.queryClosure(roots, { signal: controller.signal })).rejects.toThrow(
      "enough",
    );
    await waitUntil(() => existsSync(pid) && readFileSync(pid, "utf8") !== "");
    controller.abort(new Error("enough"));
    await stopped;
    expect(() => process.kill(Number(readFileSync(pid, "utf8")), 0)).toThrow("ESRCH");
    expect(calls()).toEqual(["--dump-db"]);
  });
});
