import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import type { TestProject } from "vitest/node";
import { buildCommand } from "./build-command.ts";
import { removeFolder } from "./temporary-folder.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the command is as it is published; not there in projects that do not make it. */
    readonly publishedCommand?: string;
  }
}

/** Makes the command once for all tests of a project, as it is published: they find what the bundle breaks. */
export default function publishCommand(project: TestProject): () => void {
  const folder = mkdtempSync(`${tmpdir()}/stowage-published-`);
  // Tests start the command as other users too.
  chmodSync(folder, 0o755);
  const [, main] = buildCommand(folder);
  project.provide("publishedCommand", main);
  return () => removeFolder(folder);
}
