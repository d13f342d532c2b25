import { spawnSync } from "node:child_process";
import { skip } from "./programs.ts";

/**
 * The words before a command that is to see no processes but its own. To Nix every path of a store that some process of
 * the machine has open, or names in its environment, is a root, whichever store is asked: other tests' processes too.
 */
export const alone: readonly string[] = [
  "unshare",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-current-user"]),
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
];

/** Whether this machine lets a command be alone: not every container does. */
export function requireAlone(): boolean {
  const [program = "", ...words] = alone;
  return spawnSync(program, [...words, "true"]).status === 0 || skip("no process namespaces here (unshare)");
}
