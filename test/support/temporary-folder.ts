import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder of the running test's own, removed when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "stowage-test-"));
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** Removes a folder, also when there is something in it that nobody may write to. */
export function removeFolder(folder: string): void {
  execFileSync("sh", ["-c", 'chmod -R u+rwX "$0" && rm -rf "$0"', folder]);
}
