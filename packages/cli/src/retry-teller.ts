import type { RegistryAccess } from "@stowage/core";
import type { Speaker } from "./speaker.ts";

/** So much waiting goes by without a word. */
const SILENT_MILLISECONDS = 3_000;
/** And so much between one word and the next: a job that says nothing for minutes is taken for one that hangs. */
const BETWEEN_MILLISECONDS = 30_000;

/** Says that what failed is tried again: with `-v` each time, else where a command has come to wait for it. */
export function retryTeller({
  options,
  tell,
}: Pick<Speaker, "options" | "tell">): NonNullable<RegistryAccess["onRetry"]> {
  let waited = 0;
  let said = -Infinity;
  return ({ error, pause }) => {
    const now = performance.now();
    waited += pause;
    const isDue = waited >= SILENT_MILLISECONDS && now - said >= BETWEEN_MILLISECONDS;
    if (options.verbose === 0 && !isDue) return;
    said = now;
    tell(`stowage: ${error.message}; trying again in ${(pause / 1000).toFixed(1)} s`);
  };
}
