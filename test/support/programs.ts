import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { repository } from "./repository.ts";

/** Whether a program is on PATH. */
export function hasProgram(name: string): boolean {
  return lookUp(name) !== undefined;
}

/** Where a program is that {@link requirePrograms} found. */
export function findProgram(name: string): string {
  const path = lookUp(name);
  if (path === undefined) throw new Error(`not installed: ${name}`);
  return path;
}

function lookUp(name: string): string | undefined {
  const places = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether tests that need real programs can run here. Where one is missing they are skipped, with a word on stderr;
 * in CI a missing program is an error.
 */
export function requirePrograms(...names: string[]): boolean {
  const missing = names.filter((name) => !hasProgram(name));
  return missing.length === 0 || skip(`not installed: ${missing.join(", ")}`);
}

/** Whether the offline world has its inputs; they are made on Debian only. */
export function requireWorld(): boolean {
  return existsSync(join(repository, "test/world/inputs.json")) || skip("test/world/prepare was not run");
}

/** Skips tests for a reason, with a word on stderr; in CI it is an error. */
export function skip(reason: string): false {
  if (process.env["CI"]) throw new Error(`${reason}; in CI every part must be there`);
  process.stderr.write(`skipped tests: ${reason}\n`);
  return false;
}
