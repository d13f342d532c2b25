import { existsSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./repository.ts";

/** The oldest line of Node that the packages run on, next to the one that runs the tests; a package of the tests' own. */
export const node22: string = join(
  repository,
  "test/node_modules",
  `node-22-${process.platform}-${process.arch}`,
  "bin/node",
);

/** Whether it is there for this processor; in CI it has to be. */
export function requireNode22(): boolean {
  if (existsSync(node22)) return true;
  if (process.env["CI"]) throw new Error(`${node22} is not there; in CI every part must be`);
  process.stderr.write(`skipped tests: ${node22} is not there\n`);
  return false;
}
