#!/usr/bin/env node
import { readFileSync } from "node:fs";

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

/** What is loaded before one knows what is asked for is what everything takes at least: all else is imported here. */
async function main(words: readonly string[]): Promise<number> {
  if (words.length === 1 && words[0] === "--version") {
    const { printAll } = await import("./stdout.ts");
    await printAll(`${ownVersion()}\n`);
    return 0;
  }
  const { runProgram } = await import("./program.ts");
  return runProgram(words, ownVersion());
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const [{ exitCodeOf }, { renderError }, { letStderrFail }] = await Promise.all([
    import("./exit-codes.ts"),
    import("./render/error.ts"),
    import("./stdout.ts"),
  ]);
  letStderrFail();
  process.stderr.write(renderError(error, 0));
  process.exitCode = exitCodeOf(error);
}
