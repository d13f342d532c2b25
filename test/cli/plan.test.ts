import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { storePathOf } from "../support/graphs.ts";
import { repository } from "../support/repository.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** No Nix anywhere: what is on PATH does not matter to an exported closure. */
const env = { PATH: "/nowhere", HOME: "/nowhere" };
const run = (...words: string[]) => stowage(words, { env, extendEnv: false } as never);

const closure = (app: string, openssl: string): string =>
  registrationOf(
    {
      [`app-${app}`]: ["python-3.11", "curl-8.4", `openssl-${openssl}`],
      "python-3.11": ["glibc-2.38", "python-3.11"],
      "curl-8.4": ["glibc-2.38"],
      [`openssl-${openssl}`]: ["glibc-2.38"],
      "glibc-2.38": ["glibc-2.38"],
    },
    {
      [`app-${app}`]: 9000,
      "python-3.11": 50 << 20,
      "curl-8.4": 800 << 10,
      [`openssl-${openssl}`]: 6 << 20,
      "glibc-2.38": 30 << 20,
    },
  );
const graphFile = (text: string): string => writeClosure(temporaryFolder(), "closure.txt", text);

const schema: object = JSON.parse(readFileSync(join(repository, "packages/cli/schema/plan.json"), "utf8"));
const validator = new Ajv2020({ strict: false }).compile(schema);

interface Plan {
  readonly layers: { paths: string[]; reason: string; narSize: number; size: number }[];
  readonly sizes: string;
  readonly upgrade?: {
    sent: { layers: number[]; size: number; changedNarSize: number; draggedNarSize: number };
    kept: { layers: number; size: number };
    causes: { name: string; versionsAfter: string[]; paths: number; narSize: number }[];
  };
}

async function planJson(...words: string[]): Promise<Plan> {
  const { stdout, stderr, exitCode } = await run("plan", "--json", ...words);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  const document: unknown = JSON.parse(stdout);
  expect(validator(document), JSON.stringify(validator.errors)).toBe(true);
  return document as Plan;
}

describe("plan", () => {
  test("a table from the bottom up, with what a release is expected to send", async () => {
    const { stdout, stderr, exitCode } = await run("plan", "--graph", graphFile(closure("1.0", "3.0")));
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("layer       size   sent  a release  packages");
    expect(lines[1]).toMatch(/^    1   30\.0 MiB +\d+ % +\S+ \w+  glibc 2\.38$/);
    expect(lines.at(-2)).toMatch(/^    \d +20\.0 KiB +100 % +20\.0 KiB  app 1\.0$/);
    expect(lines.at(-1)).toMatch(
      /^5 paths in \d layers \(expected\), about 86\.8 MiB; a release is expected to send .* change; sizes are estimated from NAR sizes, the files being elsewhere$/,
    );
  });

  test("says why paths are together", async () => {
    const { layers } = await planJson("--graph", graphFile(closure("1.0", "3.0")), "--max-layers", "3");
    expect(layers.flatMap(({ paths }) => paths)).toHaveLength(5);
    expect(layers.map(({ reason }) => reason)).toContain("limit");
    const { stdout } = await run("plan", "--graph", graphFile(closure("1.0", "3.0")), "--max-layers", "3");
    expect(stdout).toMatch(/\(\d paths: no layers left\)/);
    const limited = await run("plan", "--graph", graphFile(closure("1.0", "3.0")), "--limit", "1");
    expect(limited.stdout).toMatch(/… and \d more layers/);
  });

  test("--previous says which layers and bytes an upgrade sends, and which packages are to blame", async () => {
    const folder = temporaryFolder();
    const previous = join(folder, "plan.json");
    const before = await run("plan", "--json", "--graph", graphFile(closure("1.0", "3.0")));
    writeFileSync(previous, before.stdout);
    const after = ["--graph", graphFile(closure("1.1", "3.1")), "--previous", previous];
    const { layers, upgrade } = await planJson(...after);
    const isKept = (paths: string[]): boolean =>
      (JSON.parse(before.stdout) as Plan).layers.some((layer) => layer.paths.join() === paths.join());
    expect(upgrade?.sent.layers).toEqual(
      [...layers.keys()].filter((index) => !isKept(layers[index]?.paths ?? [])),
    );
    expect(upgrade?.sent).toMatchObject({ changedNarSize: 9000 + (6 << 20), draggedNarSize: 0 });
    expect(upgrade?.kept.layers).toBe(layers.length - (upgrade?.sent.layers.length ?? 0));
    expect(layers.filter(({ reason }) => reason === "kept").map(({ paths }) => paths)).toContainEqual([
      storePathOf("glibc-2.38"),
    ]);
    expect(upgrade?.causes).toMatchObject([
      { name: "openssl", versionsAfter: ["3.1"], paths: 2 },
      { name: "app", versionsAfter: ["1.1"], paths: 1, narSize: 9000 },
    ]);
    const { stdout } = await run("plan", ...after);
    expect(stdout).toContain(`an upgrade from ${previous} sends 2 of `);
    expect(stdout).toContain("  openssl 3.0 → 3.1: 2 paths, 6.0 MiB\n  app 1.0 → 1.1: 1 path, 8.8 KiB");
    expect(stdout).toMatch(/ keeps +glibc 2\.38/);
  });

  test("an upgrade to the same sends nothing", async () => {
    const previous = join(temporaryFolder(), "plan.json");
    const graph = graphFile(closure("1.0", "3.0"));
    writeFileSync(previous, (await run("plan", "--json", "--graph", graph)).stdout);
    const { stdout } = await run("plan", "--graph", graph, "--previous", previous);
    expect(stdout).toContain("sends nothing but the image's last layer");
  });

  test("--plan shows a plan as it is, and refuses one that does not fit", async () => {
    const file = join(temporaryFolder(), "plan.json");
    const words = ["--graph", graphFile(closure("1.0", "3.0")), "--max-layers", "4"];
    writeFileSync(file, (await run("plan", "--json", ...words)).stdout);
    const { layers } = await planJson("--graph", graphFile(closure("1.0", "3.0")), "--plan", file);
    expect(layers.map(({ paths }) => paths)).toEqual(
      (await planJson(...words)).layers.map(({ paths }) => paths),
    );
    const other = await run("plan", "--graph", graphFile(closure("1.1", "3.0")), "--plan", file);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toMatch(/the plan does not fit the closure: .*app-1\.0 is not in the closure/);
    expect(other.stderr).toContain("--previous");
  });

  test.each([
    ["--previous that is not there", ["--previous", "/nowhere/x.tar"], 3, "there is no '/nowhere/x.tar'"],
    ["--previous without layers", ["--previous", "CLOSURE"], 2, "has no layers"],
    [
      "--plan beside --previous",
      ["--plan", "PLAN", "--previous", "PLAN"],
      2,
      "--previous changes nothing with --plan",
    ],
    [
      "--history beside popularity",
      ["--layering", "popularity", "--history", "PLAN"],
      2,
      "--history changes nothing",
    ],
    [
      "--digests of what is elsewhere",
      ["--digests"],
      3,
      "is not on this machine, so its files cannot be read",
    ],
    ["--no-check without --digests", ["--no-check"], 2, "--no-check goes with --digests only"],
    ["no target", [], 2, "no target given"],
  ])("%s is an error", async (title, words, status, message) => {
    const folder = temporaryFolder();
    const text = writeClosure(folder, "closure.txt", closure("1.0", "3.0"));
    const planFile = join(folder, "plan.json");
    writeFileSync(planFile, (await run("plan", "--json", "--graph", text)).stdout);
    const source = title === "no target" ? [] : ["--graph", text];
    const replaced = words.map((word) => (word === "CLOSURE" ? text : word === "PLAN" ? planFile : word));
    const { exitCode, stderr, stdout } = await run("plan", ...source, ...replaced);
    expect({ exitCode, stdout }).toEqual({ exitCode: status, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a broken plan file is an error that says where", async () => {
    const file = join(temporaryFolder(), "plan.json");
    writeFileSync(file, JSON.stringify({ schemaVersion: 1, layers: [{ paths: ["/nix/store/x"] }] }));
    const { exitCode, stderr } = await run(
      "plan",
      "--graph",
      graphFile(closure("1.0", "3.0")),
      "--plan",
      file,
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`'${file}' is no plan: '/nix/store/x' is not a store path`);
  });
});
