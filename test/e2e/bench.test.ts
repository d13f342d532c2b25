import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { userEnvironment } from "../bench/user-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "python3", "bash", "tar", "pigz", "zstd");

interface Manifest {
  readonly scripts: { readonly bench: string };
}

interface Document {
  readonly schemaVersion: number;
  readonly rounds: number;
  readonly results: readonly {
    readonly subject: { readonly name: string; readonly files: number; readonly bytes: number };
    readonly rows: readonly {
      readonly question: string;
      readonly contenders: readonly {
        readonly name: string;
        readonly seconds: readonly number[];
        readonly memory: number;
        readonly ratio: number;
      }[];
    }[];
  }[];
}

test("what is measured runs as it does for users, without what Node keeps compiled for the tests", () => {
  const names = Object.keys(userEnvironment);
  expect(names).toEqual(expect.arrayContaining(["PATH", "NIX_CONFIG"]));
  expect(names.filter((name) => name === "CI" || name.startsWith("NODE_"))).toEqual([]);
});

describe.skipIf(!ready)("pnpm bench --quick", () => {
  // What it measures is not looked at: that it measures everything is.
  test(
    "runs every contender of every row, prints tables, and removes what it made",
    { timeout: 600_000 },
    async () => {
      const folder = temporaryFolder();
      const json = join(folder, "bench.json");
      const words = ["--quick", "--folder", folder, "--json", json];
      const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as Manifest;
      const command = `${scripts.bench} ${words.join(" ")}`;
      const { stdout } = await execa(command, { shell: true, cwd: repository, preferLocal: true });
      expect(readdirSync(folder)).toEqual(["bench.json"]);
      const { schemaVersion, rounds, results } = JSON.parse(readFileSync(json, "utf8")) as Document;
      expect(schemaVersion).toBe(1);
      expect(results.map(({ subject }) => subject.name)).toEqual([
        "a generated closure",
        "Fortune Cat",
        "one huge file",
        "many files",
      ]);
      const [generated] = results;
      expect(generated?.subject.files).toBeGreaterThanOrEqual(400);
      expect(generated?.rows.map(({ question }) => question)).toEqual([
        "cold pack to a file",
        "cold digests only",
        "cold pack to a pipe",
        "warm: packed before, nothing changed",
        "cold pack to a file with gzip",
        "cold pack to a file with zstd",
        "gzip alone, of one tar",
        "zstd alone, of one tar",
        "jobs, --compression none",
        "jobs, --compression gzip",
        "jobs, --compression zstd",
        "cold pack from a binary cache over HTTP, zstd NARs",
        "one small path changed, to a layout that has the others",
        "start",
      ]);
      for (const { rows } of results) {
        for (const { question, contenders } of rows) {
          expect(stdout).toContain(`**${question}**`);
          expect(contenders.length).toBeGreaterThan(0);
          expect(contenders[0]?.ratio).toBe(1);
          for (const { seconds, memory } of contenders) {
            expect(seconds).toHaveLength(rounds);
            expect(Math.min(...seconds)).toBeGreaterThan(0);
            expect(memory).toBeGreaterThan(1024 * 1024);
          }
        }
      }
    },
  );
});
