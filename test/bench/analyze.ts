import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fromSource } from "../support/from-source.ts";
import { hasProgram } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { asJson, asRegistration, generateClosure } from "./closure-generator.ts";

/**
 * Measures whole processes of the command over a generated closure: reading it (as exported text, as JSON, and from a
 * real Nix database), analysing it, printing the answer. Run from the repository:
 *
 *     pnpm run build
 *     node --conditions=@stowage/source test/bench/analyze.ts [--paths 12000] [--runs 5] [--json]
 *
 * With a build the compiled command is measured, as users run it; without one the sources.
 */
const option = (name: string, byDefault: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? byDefault : Number(process.argv[at + 1]);
};
const count = option("paths", 12_000);
const runs = option("runs", 5);

interface Measurement {
  readonly name: string;
  /** Median, best and worst wall time in seconds. */
  readonly median: number;
  readonly best: number;
  readonly worst: number;
  /** Largest resident set in MiB. */
  readonly memory: number;
  /** Median of processor time in seconds, of Node alone: what other work on the machine changes least. */
  readonly processor: number;
}

const folder = mkdtempSync(join(tmpdir(), "stowage-bench-"));
const built = join(repository, "packages/cli/bundle/main.js");
const command = existsSync(built) ? [built] : [...fromSource, join(repository, "packages/cli/src/main.ts")];

/** Tells at the end of a process how much memory and processor time it had. */
const usage = join(folder, "usage.mjs");
writeFileSync(
  usage,
  `import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  writeFileSync(process.env.BENCH_USAGE, JSON.stringify([maxRSS / 1024, (userCPUTime + systemCPUTime) / 1e6]));
});`,
);

function measure(name: string, words: readonly string[]): Measurement {
  const times: number[] = [];
  const processor: number[] = [];
  let memory = 0;
  for (let run = 0; run <= runs; run++) {
    const usageFile = join(folder, "usage");
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, ["--import", usage, ...command, ...words], {
      env: { ...process.env, BENCH_USAGE: usageFile },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
    // The first run fills the caches.
    const seconds = (performance.now() - started) / 1000;
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    const [resident, cpu] = JSON.parse(readFileSync(usageFile, "utf8")) as [number, number];
    memory = Math.max(memory, resident);
    if (run === 0) continue;
    times.push(seconds);
    processor.push(cpu);
  }
  times.sort((a, b) => a - b);
  processor.sort((a, b) => a - b);
  return {
    name,
    median: times[times.length >> 1]!,
    best: times[0]!,
    worst: times.at(-1)!,
    memory: Math.round(memory),
    processor: processor[processor.length >> 1]!,
  };
}

/** A chroot store whose database knows some paths; only the root's folder is there, which is all a query looks at. */
function makeDatabase(name: string, registration: string, root: string): string {
  const store = join(folder, name);
  mkdirSync(join(store, root), { recursive: true });
  execFileSync("nix-store", ["--store", store, "--load-db"], {
    input: registration,
    stdio: ["pipe", "ignore", "pipe"],
  });
  return store;
}

try {
  const paths = generateClosure(count);
  const root = paths.at(-1)!.path;
  const references = paths.reduce((sum, path) => sum + path.references.length, 0);
  const registration = join(folder, "closure.txt");
  const json = join(folder, "closure.json");
  writeFileSync(registration, asRegistration(paths));
  writeFileSync(json, asJson(paths));
  const results = [
    measure("ls --json, from registration text", ["ls", "--graph", registration, "--json"]),
    measure("ls --json, from path-info JSON", ["ls", "--graph", json, "--json"]),
    measure("ls, from path-info JSON", ["ls", "--graph", json]),
    measure("ls --cut, from path-info JSON", ["ls", "--graph", json, "--cut"]),
    measure("why, from path-info JSON", ["why", "--graph", json, "package0"]),
    measure("why --all, from path-info JSON", ["why", "--graph", json, "package0", "--all"]),
    measure("dupes --json, from path-info JSON", ["dupes", "--graph", json, "--json"]),
    measure("diff with itself, from path-info JSON", ["diff", json, registration]),
    measure("graph, from path-info JSON", ["graph", "--graph", json]),
  ];
  if (hasProgram("nix-store")) {
    const text = asRegistration(paths);
    const store = makeDatabase("alone", text, root);
    const others = [2, 3, 4, 5].map((seed) => asRegistration(generateClosure(count, seed)));
    const full = makeDatabase("among-others", [text, ...others].join(""), root);
    results.push(
      measure("ls --json, from a Nix database", ["ls", "--store", store, root, "--json"]),
      measure("ls --json, from a Nix database five times as large", ["ls", "--store", full, root, "--json"]),
      measure("why, from a Nix database", ["why", "--store", store, root, "package0"]),
      measure("dupes --json, from a Nix database", ["dupes", "--store", store, root, "--json"]),
    );
  }
  report(references, results);
} finally {
  removeFolder(folder);
}

function report(references: number, results: readonly Measurement[]): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}`;
  if (process.argv.includes("--json")) {
    process.stdout.write(
      `${JSON.stringify({ machine, paths: count, references, runs, results }, null, 2)}\n`,
    );
    return;
  }
  const rows = results.map(({ name, median, best, worst, memory, processor }) => [
    name,
    ...[median, best, worst, processor].map((seconds) => seconds.toFixed(2)),
    String(memory),
  ]);
  const lines = [
    ["whole process", "median s", "best s", "worst s", "CPU s", "MiB"],
    ["---", "---:", "---:", "---:", "---:", "---:"],
    ...rows,
  ];
  process.stdout.write(`${count} paths, ${references} references, ${runs} runs; ${machine}\n\n`);
  process.stdout.write(`${lines.map((line) => `| ${line.join(" | ")} |`).join("\n")}\n`);
}
