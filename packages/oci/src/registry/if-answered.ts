import { OciError } from "../errors.ts";
import type { Repository } from "./repository.ts";

/**
 * What a push asks to send less, and can do without: undefined where the registry fails at it or does not allow it. Whoever may write
 * need not be allowed to read.
 * @param ask is given the repository as one that is not asked for long
 */
export async function ifAnswered<T>(
  repository: Repository,
  ask: (repository: Repository) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask(repository.optional());
  } catch (error) {
    if (error instanceof OciError && ["registry-failed", "registry-forbidden"].includes(error.code))
      return undefined;
    throw error;
  }
}
