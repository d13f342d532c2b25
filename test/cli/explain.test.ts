import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { storePathOf } from "../support/graphs.ts";
import { repository } from "../support/repository.ts";
import { validate } from "../support/schema.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const references = {
  "app-1.0": ["python-3.11", "curl-8.4"],
  "python-3.11": ["openssl-3.0", "glibc-2.38", "python-3.11"],
  "curl-8.4": ["openssl-1.1", "glibc-2.38"],
  "openssl-3.0": ["glibc-2.38"],
  "openssl-1.1": ["glibc-2.38", "legacy-1"],
  "legacy-1": [],
  "glibc-2.38": ["glibc-2.38"],
};
const sizes = {
  "app-1.0": 1024,
  "python-3.11": 50 << 20,
  "curl-8.4": 2048,
  "openssl-3.0": 6 << 20,
  "openssl-1.1": 5 << 20,
  "legacy-1": 1 << 20,
  "glibc-2.38": 30 << 20,
};
const registration = registrationOf(references, sizes);
const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);

const closure = (): string => writeClosure(temporaryFolder(), "closure.txt", registration);
/** No Nix anywhere: what is on PATH does not matter to an exported closure. */
const env = { PATH: "/nowhere", HOME: "/nowhere" };
const run = (...words: string[]) => stowage(words, { env, extendEnv: false } as never);

describe("ls", () => {
  test("table: largest added size first, totals below, nothing on stderr", async () => {
    const { stdout, stderr, exitCode } = await run("ls", "--graph", closure(), "--limit", "3");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout.split("\n")).toEqual([
      "   added       NAR   closure  referrers  path",
      `92.0 MiB   1.0 KiB  92.0 MiB          0  ${storePathOf("app-1.0")}`,
      `56.0 MiB  50.0 MiB  86.0 MiB          1  ${storePathOf("python-3.11")}`,
      `30.0 MiB  30.0 MiB  30.0 MiB          4  ${storePathOf("glibc-2.38")}`,
      "… and 4 more, 12.0 MiB",
      "7 paths, 92.0 MiB",
    ]);
  });

  test("--json fits its schema, is whole whatever the limit, and sorts", async () => {
    const { stdout } = await run("ls", "--graph", closure(), "--json", "--limit", "1", "--sort", "size");
    const { paths, totals, roots } = validate("ls", stdout) as never as {
      paths: {
        name: string;
        version: string;
        narSize: number;
        selfReference: boolean;
        references: string[];
      }[];
      totals: unknown;
      roots: unknown;
    };
    expect(totals).toEqual({ paths: 7, narSize: total });
    expect(roots).toEqual([storePathOf("app-1.0")]);
    expect(paths.map(({ name }) => name)).toEqual([
      "python",
      "glibc",
      "openssl",
      "openssl",
      "legacy",
      "curl",
      "app",
    ]);
    expect(paths[0]).toMatchObject({
      version: "3.11",
      selfReference: true,
      references: [storePathOf("openssl-3.0"), storePathOf("glibc-2.38")].toSorted(),
      addedSize: 56 << 20,
      closureSize: 86 << 20,
      referrers: [storePathOf("app-1.0")],
    });
  });

  test("--name chooses by pattern; a package as the target is a root", async () => {
    const { stdout } = await run("ls", "--graph", closure(), "python", "--name", "open*", "--json");
    const { paths, totals } = validate("ls", stdout) as never as {
      paths: { path: string }[];
      totals: unknown;
    };
    expect(paths.map(({ path }) => path)).toEqual([storePathOf("openssl-3.0")]);
    expect(totals).toEqual({ paths: 3, narSize: 86 << 20 });
  });

  test("--tree marks what stood above", async () => {
    const { stdout } = await run("ls", "--graph", closure(), "--tree", "--sort", "name");
    expect(stdout.split("\n").map((line) => line.replace(/\/nix\/store\/.{32}-/, ""))).toEqual([
      "app-1.0  92.0 MiB",
      "├─ curl-8.4  36.0 MiB",
      "│  ├─ glibc-2.38  30.0 MiB",
      "│  └─ openssl-1.1  36.0 MiB",
      "│     ├─ glibc-2.38  30.0 MiB",
      "│     └─ legacy-1  1.0 MiB",
      "└─ python-3.11  86.0 MiB",
      "   ├─ glibc-2.38  30.0 MiB",
      "   └─ openssl-3.0  36.0 MiB",
      "      └─ glibc-2.38  30.0 MiB",
    ]);
    validate("ls", (await run("ls", "--graph", closure(), "--tree", "--json", "--depth", "1")).stdout);
  });

  test("--cut says what each reference near the root would save", async () => {
    const { stdout } = await run("ls", "--graph", closure(), "--cut", "--json");
    const { cuts } = validate("ls", stdout) as never as { cuts: { to: string; saves: number }[] };
    expect(cuts.map(({ to, saves }) => [to.slice(44), saves])).toEqual(
      [
        ["python-3.11", 56 << 20],
        ["curl-8.4", (6 << 20) + 2048],
        ["openssl-1.1", 6 << 20],
        ["openssl-3.0", 6 << 20],
        ["legacy-1", 1 << 20],
      ].toSorted(
        (a, b) =>
          (b[1] as number) - (a[1] as number) ||
          (storePathOf(a[0] as string) < storePathOf(b[0] as string) ? -1 : 1),
      ),
    );
    const text = await run("ls", "--graph", closure(), "--cut", "--limit", "1");
    expect(text.stdout).toContain("56.0 MiB      2  app-1.0 → python-3.11\n… and 4 more");
  });

  test("an exported closure comes through stdin", () => {
    const [program = "", ...words] = stowageWords;
    const stdout = execFileSync(program, [...words, "ls", "--graph", "-", "--limit", "0"], {
      input: registration,
      encoding: "utf8",
    });
    expect(stdout).toContain("7 paths, 92.0 MiB");
  });

  test("colours only where they are wanted", async () => {
    const plain = await run("ls", "--graph", closure(), "--color", "auto");
    expect(plain.stdout).not.toContain("\u001b");
    const coloured = await run("--color", "always", "ls", "--graph", closure());
    expect(coloured.stdout).toContain(`\u001b[1mapp-1.0\u001b[22m`);
  });
});

describe("why", () => {
  test("the shortest chain; a name may mean several paths", async () => {
    const { stdout, exitCode } = await run("why", "--graph", closure(), "app", "openssl-1.1");
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [storePathOf("app-1.0"), `└─ ${storePathOf("curl-8.4")}`, `   └─ ${storePathOf("openssl-1.1")}`].join(
        "\n",
      ),
    );
  });

  test("--all --json: every chain, shortest first", async () => {
    const { stdout } = await run("why", "--graph", closure(), "glibc", "--all", "--json");
    const { chains, complete } = validate("why", stdout) as never as {
      chains: string[][];
      complete: boolean;
    };
    expect(complete).toBe(true);
    expect(chains.map((chain) => chain.length)).toEqual([3, 3, 4, 4]);
  });

  test("--limit says that there are more", async () => {
    const { stdout } = await run("why", "--graph", closure(), "glibc", "--all", "--limit", "3", "--json");
    expect(validate("why", stdout)).toMatchObject({ complete: false, chains: { length: 3 } });
    expect((await run("why", "--graph", closure(), "glibc", "--all", "--limit", "3")).stdout).toContain(
      "… and more",
    );
  });

  test.each(["ruby", "app"])("no way to %s: exit status 1, said on stderr", async (dependency) => {
    const { stdout, stderr, exitCode } = await run("why", "--graph", closure(), "python", dependency);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain(`python does not depend on ${dependency}`);
    const json = await run("why", "--graph", closure(), "python", dependency, "--json");
    expect(json.exitCode).toBe(1);
    expect(validate("why", json.stdout)).toMatchObject({ chains: [] });
  });

  test("a name that is nearly one of the closure's is answered with those", async () => {
    const { stderr, exitCode } = await run("why", "--graph", closure(), "SSL");
    expect({ stderr, exitCode }).toEqual({
      stderr: "the closure does not depend on SSL\n  but it holds openssl",
      exitCode: 1,
    });
  });

  test("--precise where the files are not is an error that names the path", async () => {
    const { stderr, exitCode } = await run("why", "--graph", closure(), "legacy", "--precise");
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`${storePathOf("app-1.0")} is not on this machine`);
  });
});

describe("diff", () => {
  const after = registrationOf(
    { "app-1.1": ["python-3.12"], "python-3.12": ["glibc-2.38"], "glibc-2.38": ["glibc-2.38"] },
    { ...sizes, "python-3.12": 60 << 20, "app-1.1": 1024 },
  );

  test("two files, largest change first", async () => {
    const folder = temporaryFolder();
    const words = ["diff", writeClosure(folder, "a", registration), writeClosure(folder, "b", after)];
    expect((await run(...words)).stdout.split("\n")).toEqual([
      "    delta           package  versions",
      "-11.0 MiB  removed  openssl  1.1, 3.0",
      "+10.0 MiB  changed  python   3.11 → 3.12",
      " -1.0 MiB  removed  legacy   1",
      " -2.0 KiB  removed  curl     8.4",
      "      0 B  changed  app      1.0 → 1.1",
      "7 → 3 paths (1 unchanged), 92.0 MiB → 90.0 MiB (-2.0 MiB), 3 removed, 2 changed",
    ]);
    const { totals } = validate("diff", (await run(...words, "--json")).stdout) as never as {
      totals: { delta: number };
    };
    expect(totals.delta).toBe((60 << 20) + 1024 + (30 << 20) - total);
  });

  test("an output more in the same version says which", async () => {
    const folder = temporaryFolder();
    const [one, two] = ["x-1", "x-1-dev"];
    const words = [
      writeClosure(folder, "a", registrationOf({ [one]: [] })),
      writeClosure(folder, "b", registrationOf({ [one]: [], [two]: [] })),
    ];
    expect((await run("diff", ...words)).stdout).toContain("+100 B  changed  x        1 (+dev)");
    expect((await run("diff", ...words.toReversed())).stdout).toContain("-100 B  changed  x        1 (-dev)");
  });

  test("a closure and itself", async () => {
    const file = closure();
    expect((await run("diff", file, file)).stdout).toBe(
      "7 → 7 paths (7 unchanged), 92.0 MiB → 92.0 MiB (0 B)",
    );
  });
});

describe("dupes", () => {
  test("what one copy would save, and what brings each", async () => {
    const file = closure();
    const { duplicates, totals } = validate(
      "dupes",
      (await run("dupes", "--graph", file, "--json")).stdout,
    ) as never as {
      duplicates: { copies: { path: string; keep: boolean; branches: string[] }[] }[];
      totals: unknown;
    };
    expect(totals).toEqual({ packages: 1, wasted: 5 << 20 });
    expect(duplicates[0]).toMatchObject({ name: "openssl", versions: ["1.1", "3.0"], saves: 6 << 20 });
    expect(duplicates[0]?.copies).toMatchObject([
      { path: storePathOf("openssl-3.0"), keep: true, branches: [storePathOf("python-3.11")] },
      { path: storePathOf("openssl-1.1"), keep: false, branches: [storePathOf("curl-8.4")] },
    ]);
    const { stdout } = await run("dupes", "--graph", file);
    expect(stdout).toContain("openssl  2 copies, 5.0 MiB wasted, one alone saves 6.0 MiB");
    expect(stdout).toContain("through app-1.0 → curl-8.4");
  });
});

describe("graph", () => {
  test.each(["dot", "mermaid", "graphml"])("--format %s", async (format) => {
    const { stdout, exitCode } = await run("graph", "--graph", closure(), "--format", format);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("openssl-1.1");
  });

  test("--json and --format json are one answer, with its schema", async () => {
    const file = closure();
    const json = await run("graph", "--graph", file, "--json");
    expect((await run("graph", "--graph", file, "--format", "json")).stdout).toBe(json.stdout);
    const { edges } = validate("graph", json.stdout) as never as { edges: unknown[] };
    expect(edges).toHaveLength(9);
    expect((await run("graph", "--graph", file, "--json", "--format", "dot")).exitCode).toBe(2);
  });
});

describe("check", () => {
  const budgetFile = (text: string): string => writeClosure(temporaryFolder(), "budget.jsonc", text);

  test("within budget", async () => {
    const { stdout, exitCode } = await run(
      "check",
      "--graph",
      closure(),
      "--budget",
      budgetFile('{"closureSize": "92.1 MiB"}'),
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "within budget: closure 92.0 MiB", exitCode: 0 });
  });

  test("over budget: exit status 1, the numbers and why", async () => {
    const budget = budgetFile('{"closureSize": 1000, "forbidden": ["legacy"], "allowedDuplicates": []}');
    const { stdout, exitCode } = await run("check", "--graph", closure(), "--budget", budget);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "closure size: 92.0 MiB, limit 1000 B",
      "  app-1.0 → python-3.11",
      "forbidden package legacy: 1 path, limit 0 paths",
      "  app-1.0 → curl-8.4 → openssl-1.1 → legacy-1",
      "duplicate package openssl: 2 paths, limit 1 path",
      "  app-1.0 → python-3.11 → openssl-3.0",
      "  app-1.0 → curl-8.4 → openssl-1.1",
      "3 over budget: closure 92.0 MiB",
    ]);
    const json = await run("check", "--graph", closure(), "--budget", budget, "--json");
    expect(json.exitCode).toBe(1);
    expect(validate("check", json.stdout)).toMatchObject({ passed: false, updated: false });
  });

  test("one byte over shows the bytes", async () => {
    const budget = budgetFile(JSON.stringify({ closureSize: total - 1 }));
    const { stdout } = await run("check", "--graph", closure(), "--budget", budget);
    expect(stdout).toContain(`92.0 MiB, limit 92.0 MiB (${total} > ${total - 1} bytes)`);
  });

  test("--update writes in place: comments, mode and symlink stay, no file is left beside", async () => {
    const budget = budgetFile('{\n  // mine\n  "closureSize": "1 GiB",\n  "growth": { "limit": "5%" }\n}\n');
    chmodSync(budget, 0o640);
    const link = join(temporaryFolder(), "link.jsonc");
    symlinkSync(budget, link);
    const { stdout, exitCode } = await run(
      "check",
      "--graph",
      closure(),
      "--budget",
      link,
      "--update",
      "--json",
    );
    expect(exitCode).toBe(0);
    expect(validate("check", stdout)).toMatchObject({ updated: true });
    const text = readFileSync(budget, "utf8");
    expect(text).toContain("// mine");
    expect(text).toContain('"closureSize": "0.1 GiB"');
    expect(text).toContain(`"baseline": ${total}`);
    expect(statSync(budget).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(budget, ".."))).toEqual(["budget.jsonc"]);
    const again = await run("check", "--graph", closure(), "--budget", link, "--update", "--json");
    expect(validate("check", again.stdout)).toMatchObject({ updated: false });
    expect(readFileSync(budget, "utf8")).toBe(text);
  });

  test("a budget that is wrong: exit status 2 and the place", async () => {
    const { stderr, exitCode } = await run(
      "check",
      "--graph",
      closure(),
      "--budget",
      budgetFile('{"layer": 1}'),
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('line 1, column 2: there is no rule "layer"');
  });

  test("an image's rules without an image: exit status 2", async () => {
    const { exitCode } = await run("check", "--graph", closure(), "--budget", budgetFile('{"layers": 1}'));
    expect(exitCode).toBe(2);
  });
});

describe("what cannot be answered", () => {
  test.each([
    [["ls"], 2, "no target given"],
    [["dupes"], 2, "no target given"],
    [["why", "x"], 2, "which dependency?"],
    [["why"], 2, "which dependency?"],
    [["why", "x", "y", "--all", "--limit", "0"], 2, "--limit: no chain at all"],
    [["diff", "a"], 2, "missing required argument"],
    [["check", "x"], 2, "--budget"],
    [["ls", "--graph", "/nowhere/closure.json"], 2, "cannot read '/nowhere/closure.json': it does not exist"],
    [["ls", "--graph", "/etc"], 2, "cannot read '/etc': it is a directory"],
    [["ls", "x", "--limit", "many"], 2, "--limit: 'many' is not a whole number"],
    [["ls", "x", "--sort", "age"], 2, "Allowed choices"],
    [["ls", "x", "--tree", "--cut"], 2, "two different answers"],
    [["ls", "x", "--tree", "--name", "y"], 2, "--name chooses rows of the table"],
    [["ls", "x", "--cut", "--on-disk"], 2, "--on-disk adds to the table"],
    [["ls", "x", "--depth", "1"], 2, "--depth is of --tree and --cut"],
    [["ls", "x", "--cut", "--sort", "name"], 2, "--cut is sorted by what is saved"],
    [["ls", "/nowhere/at/all"], 3, "does not exist"],
    [["diff", "/nowhere/a", "/nowhere/b"], 3, "does not exist"],
  ])("%j: exit status %d", async (words, status, message) => {
    const { stdout, stderr, exitCode } = await run(...words);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: status });
    expect(stderr).toContain(message);
  });

  test("is said where Node has no SuppressedError, as in Node 22", async () => {
    const [program = "", ...words] = stowageWords;
    const without = "data:text/javascript,delete globalThis.SuppressedError";
    const said = await execa(program, ["--import", without, ...words, "ls", "/nowhere/at/all"], {
      reject: false,
    });
    expect({ exitCode: said.exitCode, stderr: said.stderr }).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining("'/nowhere/at/all' does not exist"),
    });
  });

  test("a target that the text does not have", async () => {
    const { stderr, exitCode } = await run("ls", "--graph", closure(), "ruby");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("'ruby' is not in the closure's text");
  });

  test("a reference to a path outside the closure names both", async () => {
    const file = writeClosure(temporaryFolder(), "cut", registrationOf({ "a-1": ["b-2"] }));
    const { stderr, exitCode } = await run("ls", "--graph", file);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(storePathOf("a-1"));
    expect(stderr).toContain(storePathOf("b-2"));
  });

  test("a truncated text says where it ends", async () => {
    const file = writeClosure(temporaryFolder(), "cut", registration.slice(0, -40));
    expect((await run("ls", "--graph", file)).stderr).toMatch(/line \d+/);
  });

  test("a text without sizes, whose paths are not here, says so", async () => {
    const file = writeClosure(temporaryFolder(), "short", `${storePathOf("a-1")}\n\n0\n`);
    const { stderr, exitCode } = await run("ls", "--graph", file);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("has no sizes");
  });

  test("control characters in names never reach the terminal", async () => {
    const evil = "/evil\u001b[2J\u009b\r\u202e";
    const text = registration.replaceAll("/nix/store", evil);
    const file = writeClosure(temporaryFolder(), "evil", text);
    // oxlint-disable-next-line no-control-regex -- what this is about
    const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
    const budget = writeClosure(
      temporaryFolder(),
      "b",
      '{"forbidden": ["\\u001b*", "legacy"], "closureSize": 1}',
    );
    for (const words of [
      ["ls", "--graph", file],
      ["ls", "--graph", file, "--tree"],
      ["ls", "--graph", file, "--cut"],
      ["ls", "--graph", file, "\u001b[31mno"],
      ["why", "--graph", file, "glibc"],
      ["why", "--graph", file, "\u001b[31mno"],
      ["why", "--graph", file, "glibc", "--precise"],
      ["diff", file, closure()],
      ["dupes", "--graph", file],
      ["check", "--graph", file, "--budget", budget],
      ["graph", "--graph", file],
      ["graph", "--graph", file, "--format", "graphml"],
      ["ls", "--graph", file, "--json"],
      ["why", "--graph", file, "no\u009b\u202e", "--json"],
    ]) {
      const { stdout, stderr } = await run(...words);
      expect(stdout).not.toMatch(controls);
      expect(stderr).not.toMatch(controls);
      expect(stdout + stderr).not.toBe("");
    }
  });

  test("a reader that goes away ends the command", () => {
    const command = [...stowageWords, "ls", "--graph", closure(), "--json"]
      .map((word) => `'${word}'`)
      .join(" ");
    const said = execFileSync("sh", ["-c", `${command} | head -c 1; echo`], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(said).toBe("{\n");
  });

  test("every schema has its verb", async () => {
    const verbs = readdirSync(join(repository, "packages/cli/schema")).map((name) =>
      name.replace(".json", ""),
    );
    for (const verb of verbs) {
      const { stdout, exitCode } = await run(verb, "--help");
      expect(exitCode).toBe(0);
      expect(stdout).toContain("--json");
    }
  });
});
