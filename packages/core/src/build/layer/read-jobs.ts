import { availableParallelism } from "node:os";
import { CoreError } from "../../errors.ts";

/**
 * How many threads are meant: default one for each processor.
 * @throws CoreError `option-invalid`
 */
export function readJobs(jobs: number = availableParallelism()): number {
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= 1024) return jobs;
  throw new CoreError("option-invalid", `--jobs must be a whole number from 1 to 1024, not ${jobs}`);
}
