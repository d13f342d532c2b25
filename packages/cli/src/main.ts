#!/usr/bin/env node
import { readFileSync } from "node:fs";

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

/** Whether this Node lacks what is built on: zstd in `node:zlib`, and much that came before it. */
function isNodeTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major < 22 || (major === 22 && minor < 15) || (major === 23 && minor < 8);
}

/** What is loaded before one knows what is asked for is what everything takes at least: all else is imported here. */
async function main(words: readonly string[]): Promise<number> {
  if (words.length === 1 && words[0] === "--version") {
    const { printAll } = await import("./stdout.ts");
    await printAll(`${ownVersion()}\n`);
    return 0;
  }
  if (isNodeTooOld()) {
    const { exitCodes } = await import("./exit-codes.ts");
    process.stderr.write(
      `stowage: Node ${process.versions.node} is too old: install Node 22.15 or later (of 23, 23.8 or later)\n`,
    );
    return exitCodes.environment;
  }
  // From source there are hundreds of modules, and they change.
  if (import.meta.url.endsWith(".js")) {
    const { CompiledCode } = await import("@stowage/core/compiled-code");
    new CompiledCode(process.env).keep(ownVersion());
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
