import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { readReportData } from "../support/report-page.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const before = registrationOf(
  { "app-1.0": ["openssl-3.0", "tool-1"], "openssl-3.0": [], "tool-1": ["openssl-1.1"], "openssl-1.1": [] },
  { "app-1.0": 1000, "openssl-3.0": 4 << 20, "tool-1": 2000, "openssl-1.1": 3 << 20 },
);
const after = registrationOf(
  { "app-1.1": ["openssl-3.0", "tool-1"], "openssl-3.0": [], "tool-1": ["openssl-1.1"], "openssl-1.1": [] },
  { "app-1.1": 1500, "openssl-3.0": 4 << 20, "tool-1": 2000, "openssl-1.1": 3 << 20 },
);

/** No Nix anywhere: an exported closure needs none. */
const env = { PATH: "/nowhere", HOME: "/nowhere" };

interface Place {
  readonly folder: string;
  readonly run: (...words: string[]) => ReturnType<typeof stowage>;
}

/** A folder with both closures in it. */
function place(): Place {
  const folder = temporaryFolder();
  writeClosure(folder, "before.txt", before);
  writeClosure(folder, "after.txt", after);
  return { folder, run: (...words) => stowage(words, { env, extendEnv: false, cwd: folder } as never) };
}

test("the page goes to a file of the package's name, to the one that is named, or to stdout: the same bytes", async () => {
  const { folder, run } = place();
  const { stdout, stderr, exitCode } = await run("report", "--graph", "after.txt");
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
  expect(stderr).toMatch(/^wrote a report of 4 store paths to app\.html: \d+\.\d KiB$/);
  const page = readFileSync(join(folder, "app.html"), "utf8");
  symlinkSync("there.html", join(folder, "link"));
  await run("report", "--graph", "after.txt", "-o", "link", "-q");
  expect(readFileSync(join(folder, "there.html"), "utf8")).toBe(page);
  const piped = await run("report", "--graph", "after.txt", "-o", "-");
  expect(`${piped.stdout}\n`).toBe(page);
  expect(readdirSync(folder).toSorted()).toEqual([
    "after.txt",
    "app.html",
    "before.txt",
    "link",
    "there.html",
  ]);
});

test("it has sizes, layers, duplicates and references of the closure, and no time or place", async () => {
  const { folder, run } = place();
  await run("report", "--graph", "after.txt", "-o", "a.html");
  const page = readFileSync(join(folder, "a.html"), "utf8");
  const { subject, paths, roots, duplicates, layers, diff } = readReportData(page);
  expect(subject).toEqual({ kind: "closure", name: "app", version: "1.1" });
  const at = (name: string): number => paths.base.findIndex((base) => base.endsWith(`-${name}`));
  expect(roots).toEqual([at("app-1.1")]);
  expect(paths.narSize[at("openssl-1.1")]).toBe(3 << 20);
  expect(paths.addedSize[at("tool-1")]).toBe((3 << 20) + 2000);
  expect(paths.closureSize[at("app-1.1")]).toBe((7 << 20) + 3500);
  expect(paths.references[at("tool-1")]).toEqual([at("openssl-1.1")]);
  expect(paths.dominator[at("openssl-1.1")]).toBe(at("tool-1"));
  expect(layers.kind).toBe("planned");
  expect(layers.list.reduce((sum, layer) => sum + layer.paths, 0)).toBe(4);
  expect(paths.layer.every((layer) => layers.list[layer] !== undefined)).toBe(true);
  expect(duplicates).toMatchObject([{ name: "openssl", versions: ["1.1", "3.0"], saves: 3 << 20 }]);
  expect(duplicates[0]?.copies.map(({ path }) => path)).toEqual([at("openssl-3.0"), at("openssl-1.1")]);
  expect(diff).toBeUndefined();
  expect(page).not.toContain(folder);
});

test("--compare and --previous: what changed, and what an upgrade sends", async () => {
  const { folder, run } = place();
  const planned = await run("plan", "--graph", "before.txt", "--layering", "per-path", "--json");
  writeFileSync(join(folder, "plan.json"), planned.stdout);
  await run("report", "--graph", "after.txt", "--compare", "before.txt", "-o", "a.html");
  const compared = readReportData(readFileSync(join(folder, "a.html"), "utf8"));
  expect(compared.layers.upgrade).toBeUndefined();
  expect(compared.diff).toMatchObject({
    from: "before.txt",
    delta: 500,
    unchangedPaths: 3,
    packages: [{ name: "app", kind: "changed", versionsBefore: ["1.0"], versionsAfter: ["1.1"] }],
  });
  expect(compared.paths.change?.filter((change) => change !== "same")).toEqual(["changed"]);
  await run("report", "--graph", "after.txt", "--previous", "plan.json", "-o", "b.html");
  const { diff, layers } = readReportData(readFileSync(join(folder, "b.html"), "utf8"));
  expect(diff).toMatchObject({ from: "plan.json", delta: 500 });
  expect(layers.upgrade).toMatchObject({
    from: "plan.json",
    sentLayers: 1,
    keptLayers: 3,
    changedNarSize: 1500,
  });
  expect(layers.list.filter(({ kept }) => kept === false)).toHaveLength(1);
});

describe("words that cannot be meant, and places that cannot be written", () => {
  test.each([
    [["report"], 2, "no target given"],
    [["report", "--graph", "after.txt", "-o", ""], 2, "the output's name is empty"],
    [["report", "--graph", "after.txt", "-o", "folder"], 2, "'folder' is a directory\n  Name a file in it."],
    [["report", "--graph", "after.txt", "-o", "missing/a.html"], 2, "the folder does not exist"],
    [["report", "--graph", "after.txt", "--compare", "nowhere.txt"], 3, "there is no 'nowhere.txt'"],
    [["report", "--graph", "after.txt", "--previous", "before.txt"], 2, "before.txt"],
    [["report", "--graph", "after.txt", "--max-layers", "1"], 2, "--max-layers"],
    [["report", "--graph", "after.txt", "-o", "/dev/full"], 4, "/dev/full"],
  ] as const)("%j: exit status %i", async (words, status, text) => {
    const { folder, run } = place();
    mkdirSync(join(folder, "folder"));
    const { exitCode, stderr, stdout } = await run(...words);
    expect({ exitCode, stdout }).toEqual({ exitCode: status, stdout: "" });
    expect(stderr).toContain(text);
    expect(stderr.split("\n").length).toBeLessThanOrEqual(2);
    expect(readdirSync(folder).toSorted()).toEqual(["after.txt", "before.txt", "folder"]);
  });
});

test("a FIFO is written into", async () => {
  const { folder, run } = place();
  execFileSync("mkfifo", [join(folder, "fifo")]);
  const [{ exitCode }, page] = await Promise.all([
    run("report", "--graph", "after.txt", "-o", "fifo", "-q"),
    import("node:fs/promises").then(({ readFile }) => readFile(join(folder, "fifo"), "utf8")),
  ]);
  expect(exitCode).toBe(0);
  expect(readReportData(page).subject.name).toBe("app");
});
