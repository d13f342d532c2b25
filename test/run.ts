import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";

/** The checks of package.json's `check:…` scripts count as one test each; then vitest runs. */
interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const root = join(import.meta.dirname, "..");

function runCheck(name: string, command: string): Outcome {
  const [program = "", ...words] = command.split(" ");
  const { status } = spawnSync(program, words, { cwd: root, stdio: "inherit" });
  process.stdout.write(`${status === 0 ? "ok" : "FAILED"}: ${name} (${command})\n`);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

function runChecks(): Outcome[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  return Object.entries(manifest.scripts)
    .filter(([name]) => name.startsWith("check:"))
    .map(([name, command]) => runCheck(name, command));
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

function runVitest(words: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "stowage-test-"));
  try {
    const report = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { status } = spawnSync(
      "vitest",
      ["run", "--config", "test/vitest.config.ts", ...reporters, ...words],
      { cwd: root, stdio: "inherit" },
    );
    return readReport(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(report: string, status: number | null): Outcome {
  const parsed = JSON.parse(readFileSync(report, "utf8")) as VitestReport;
  // A file that fails before its first test has no failed test; neither has an error outside of tests.
  const failedFiles = parsed.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = parsed.numFailedTests + failedFiles;
  return {
    passed: parsed.numPassedTests,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: parsed.numPendingTests,
  };
}

const words = process.argv.slice(2);
const outcomes = [...(words.length === 0 ? runChecks() : []), runVitest(words)];
const sum = (key: keyof Outcome): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
process.stdout.write(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped\n`);
process.exitCode = sum("failed") === 0 && sum("passed") > 0 ? 0 : 1;
