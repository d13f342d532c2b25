import { OciError } from "../errors.ts";

/**
 * What a push asks to send less, and can do without: undefined where the registry fails at it or does not allow it. Whoever may write
 * need not be allowed to read.
 */
export async function ifAnswered<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof OciError && ["registry-failed", "registry-forbidden"].includes(error.code))
      return undefined;
    throw error;
  }
}
