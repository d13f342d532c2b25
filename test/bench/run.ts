import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requireWorld } from "../support/programs.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildFlake } from "../support/world.ts";
import type { Row } from "./contender.ts";
import { changeOnePath, makeClosure, makeSparseFile, type ClosureSize } from "./make-closure.ts";
import { measureRow } from "./measure.ts";
import { tarToPipe } from "./peers.ts";
import { changeRow, fileRow, memoryRow, packingRows } from "./rows.ts";
import { benchWords, type Bench } from "./stowage-command.ts";
import { fortuneCatSubject, generatedSubject, type Subject } from "./subject.ts";
import { renderTables, type Results } from "./table.ts";

/**
 * Measures whole processes of the command against others that do as much, in turns, over generated closures and
 * Fortune Cat's; prints tables. What is read is in the page cache. Needs tar, pigz, zstd, python3 and Nix.
 *
 *     pnpm bench [--quick] [--source] [--rounds 3] [--only TEXT] [--json FILE] [--folder DIR] [--keep]
 *
 * `--quick`: small closures, to see that everything works; `--source`: the sources instead of the build; `--only`: rows
 * whose question has this in it; `--folder`: on which disk; `--keep`: what was generated stays there.
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    source: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    folder: { type: "string", default: tmpdir() },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));

const sizes: Readonly<Record<"packed" | "manyFiles", ClosureSize>> = options.quick
  ? {
      packed: { paths: 12, files: 400, bytes: 8_000_000 },
      manyFiles: { paths: 5, files: 2000, bytes: 2_000_000 },
    }
  : {
      packed: { paths: 120, files: 60_000, bytes: 2_200_000_000 },
      manyFiles: { paths: 20, files: 100_000, bytes: 500_000_000 },
    };
const sparseBytes = options.quick ? 64 * 2 ** 20 : 9 * 2 ** 30;

const folder = mkdtempSync(join(options.folder, "stowage-bench-"));
process.once("exit", () => {
  if (options.keep) process.stderr.write(`kept: ${folder}\n`);
  else removeFolder(folder);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const bench: Bench = {
  ...benchWords(options.source),
  folder,
  cache: join(folder, "cache"),
};
// Every process takes it from here: Nix without a daemon, the command with a cache of its own.
Object.assign(process.env, nixEnvironment, { XDG_CACHE_HOME: bench.cache });

const results: Results[] = [];

const packed = await makeClosure(join(folder, "packed"), sizes.packed);
const subject = generatedSubject("a generated closure", packed);
const changed = await changeOnePath(join(folder, "packed", "store"), sizes.packed);
measure(subject, [
  ...packingRows(bench, subject),
  changeRow(bench, subject, generatedSubject("changed", changed)),
]);

if (requireWorld()) {
  using built = buildFlake("fortune-cat");
  const cat = fortuneCatSubject(built);
  measure(cat, options.quick ? [fileRow(bench, cat)] : packingRows(bench, cat));
}

const large = [
  generatedSubject("one huge file", await makeSparseFile(join(folder, "huge"), sparseBytes)),
  generatedSubject("many files", await makeClosure(join(folder, "many"), sizes.manyFiles)),
];
for (const subject of large) measure(subject, [memoryRow(bench, subject)], 1);

process.stdout.write(`${describeMachine()}\n\n${renderTables(results)}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(asDocument(), null, 2)}\n`);

function measure(subject: Subject, rows: readonly Row[], times = rounds): void {
  const wanted = rows.filter((row) => row.question.includes(options.only));
  if (wanted.length === 0) return;
  // Everything is in the page cache from here on, for whoever comes first too.
  const [program = "", ...words] = tarToPipe(subject).command;
  execFileSync(program, words);
  const measured = wanted.map((row) => {
    process.stderr.write(`${subject.name}: ${row.question}\n`);
    return measureRow(row, times);
  });
  const { name, files, bytes, directories } = subject;
  results.push({ subject: { name, files, bytes, paths: directories.length }, rows: measured });
}

function describeMachine(): string {
  return `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, ${rounds} rounds`;
}

function asDocument(): unknown {
  return { schemaVersion: 1, machine: describeMachine(), rounds, results };
}
