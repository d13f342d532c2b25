import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./repository.ts";

/** Makes the command as it is published in a folder of its own; returns how it is started. Needs esbuild. */
export function buildCommand(folder: string, checkout: string = repository): readonly string[] {
  const bundle = join(folder, "bundle");
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(checkout, "packages/cli/package.json"), join(folder, "package.json"));
  execFileSync("sh", [join(checkout, "packages/cli/bundle.sh"), bundle], { stdio: "pipe" });
  return [process.execPath, join(bundle, "main.js")];
}
