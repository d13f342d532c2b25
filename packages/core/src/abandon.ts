import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { killPrograms, temporaryRoots } from "@stowage/nix/internal";
import { temporaryPaths } from "@stowage/oci/internal";

/** How long the removal is waited for; it goes on without this process. */
const PATIENCE_MILLISECONDS = 200;

/**
 * Leaves nothing behind, for a process that was told to end and whose orderly end, by an aborted `signal`, does not
 * come, since a disk or a program hangs: programs that run are killed, temporary files and roots removed. It must end
 * right after. The removal is a process of its own: where the disk hangs it would hang here too.
 */
export async function abandon(): Promise<void> {
  killPrograms();
  const paths = [...temporaryRoots(), ...temporaryPaths()];
  if (paths.length === 0) return;
  const removal = spawn("rm", ["-rf", "--", ...paths], { stdio: "ignore", detached: true });
  removal.unref();
  // What is not removed is by the next pack to the same place.
  const ended = once(removal, "exit").catch(() => {});
  await Promise.race([ended, sleep(PATIENCE_MILLISECONDS)]);
}
