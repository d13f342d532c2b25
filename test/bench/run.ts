import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requireWorld } from "../support/programs.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildFlake } from "../support/world.ts";
import { cacheRow } from "./cache-row.ts";
import type { LateRow, Row } from "./contender.ts";
import { changeOnePath, makeClosure, makeSparseFile, type ClosureSize } from "./make-closure.ts";
import { measureRow, type MeasuredRow } from "./measure.ts";
import { tarToPipe } from "./peers.ts";
import { changeRow, digestsRow, memoryRow, packingRows, startRow } from "./rows.ts";
import type { Bench } from "./stowage-command.ts";
import { fortuneCatSubject, generatedSubject, type Subject } from "./subject.ts";
import { renderTables, type Results } from "./table.ts";
import { userEnvironment } from "./user-environment.ts";

/**
 * Measures whole processes of the command against others that do as much, in turns, over generated closures and
 * Fortune Cat's; prints tables. For all of them alike, what is read is in the page cache and nothing waits to be written
 * to the disk. Needs tar, python3 and Nix; where pigz or zstd are missing, it says so and goes on without.
 *
 *     pnpm bench [--quick] [--rounds 3] [--only TEXT]… [--json FILE] [--folder DIR]
 *
 * `--quick`: small closures, and no contender that is another one but for a word, to see that everything works; `--only`: rows
 * whose closure and question, as in "Fortune Cat: cold pack to a file", have this in them; `--folder`: on which disk.
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string", multiple: true },
    json: { type: "string" },
    folder: { type: "string", default: tmpdir() },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));

const sizes: Readonly<Record<"packed" | "manyFiles", ClosureSize>> = options.quick
  ? {
      packed: { paths: 12, files: 400, bytes: 4_000_000 },
      manyFiles: { paths: 5, files: 1000, bytes: 1_000_000 },
    }
  : {
      packed: { paths: 120, files: 60_000, bytes: 2_200_000_000 },
      manyFiles: { paths: 20, files: 100_000, bytes: 500_000_000 },
    };
const sparseBytes = options.quick ? 8 * 2 ** 20 : 9 * 2 ** 30;

const folder = mkdtempSync(join(options.folder, "stowage-bench-"));
process.once("exit", () => removeFolder(folder));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const bench: Bench = { folder, cache: join(folder, "cache") };
// Every process takes it from here, the command with a cache of its own.
process.env = { ...userEnvironment, XDG_CACHE_HOME: bench.cache };

const results: Results[] = [];

await measure("a generated closure", async (name) => {
  const made = await makeClosure(join(folder, "packed"), sizes.packed);
  const subject = generatedSubject(name, made);
  const changed = await changeOnePath(join(folder, "packed", "store"), sizes.packed);
  const change = changeRow(bench, subject, generatedSubject("changed", changed));
  return { subject, rows: [...packingRows(bench, subject), change, startRow(options.quick ? 1 : 5)] };
});
if (requireWorld()) {
  await using disposed = new AsyncDisposableStack();
  await measure("Fortune Cat", (name) => {
    const subject = fortuneCatSubject(name, disposed.use(buildFlake("fortune-cat")));
    const quickRows = [digestsRow(bench, subject), cacheRow(bench, subject)];
    return { subject, rows: options.quick ? quickRows : packingRows(bench, subject) };
  });
}
await measure("one huge file", async (name) => {
  const subject = generatedSubject(name, await makeSparseFile(join(folder, "huge"), sparseBytes));
  return { subject, rows: [memoryRow(bench, subject)], times: 1 };
});
await measure("many files", async (name) => {
  const subject = generatedSubject(name, await makeClosure(join(folder, "many"), sizes.manyFiles));
  return { subject, rows: [memoryRow(bench, subject)], times: 1 };
});

process.stdout.write(`${describeMachine()}\n\n${renderTables(results)}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(asDocument(), null, 2)}\n`);

interface Measurements {
  readonly subject: Subject;
  readonly rows: readonly (Row | LateRow)[];
  readonly times?: number;
}

/** Measures the rows of one closure, which is made only where rows of it are wanted. */
async function measure(name: string, make: (name: string) => Measurements | Promise<Measurements>) {
  const isOther = (text: string): boolean => text.includes(": ") && !text.startsWith(`${name}: `);
  if (options.only?.every(isOther)) return;
  const { subject, rows, times = rounds } = await make(name);
  const titles = rows.map((row) => `${name}: ${row.question}`);
  const wanted = rows.filter((_, index) => isWanted(titles[index] as string, titles));
  // Everything is in the page cache from here on, for whoever comes first too.
  const [program = "", ...words] = tarToPipe(subject).command;
  execFileSync(program, words);
  const measured: MeasuredRow[] = [];
  for (const row of wanted) {
    process.stderr.write(`${name}: ${row.question}\n`);
    await using disposed = new AsyncDisposableStack();
    const result = measureRow("make" in row ? await row.make(disposed) : row, {
      rounds: times,
      flush: !options.quick,
      variants: !options.quick,
    });
    for (const missing of result.missing) process.stderr.write(`left out, not installed: ${missing}\n`);
    measured.push(result);
  }
  const { files, bytes, directories } = subject;
  results.push({ subject: { name, files, bytes, paths: directories.length }, rows: measured });
}

/** A row's whole title means that row alone, though others begin with it. */
function isWanted(title: string, titles: readonly string[]): boolean {
  const { only } = options;
  return (
    only === undefined || only.some((text) => (titles.includes(text) ? title === text : title.includes(text)))
  );
}

function describeMachine(): string {
  return `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, ${rounds} rounds, in turns; page cache warm, dirty pages written before each run`;
}

function asDocument(): unknown {
  return { schemaVersion: 1, machine: describeMachine(), rounds, results };
}
