import { join } from "node:path";
import { execa } from "execa";
import type { Said } from "./stowage.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** What `podman run` needs where nobody can raise limits, as in a nested virtual machine. */
export const podmanLimits: readonly string[] = [
  "--ulimit",
  "nofile=1024:1024",
  "--ulimit",
  "nproc=1000:1000",
];

/** Podman with a storage of the running test's own. */
export function makePodman(): (...words: string[]) => Promise<Said> {
  const folder = temporaryFolder();
  const places = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
  const manner = ["--storage-driver", "vfs", "--cgroup-manager=cgroupfs", "--runtime", "runc"];
  return (...words) => execa("podman", [...places, ...manner, ...words]);
}
