import { execa, type Options, type ResultPromise } from "execa";
import { join } from "node:path";
import { nixEnvironment } from "./nix-environment.ts";
import { repository } from "./repository.ts";

/** The words that start the command with this Node, from source. */
export const stowageWords: readonly string[] = [
  process.execPath,
  "--conditions=@stowage/source",
  join(repository, "packages/cli/src/main.ts"),
];

/** Runs the command; a failing exit status is an answer, not an error. */
export function stowage<T extends Options = Record<never, never>>(
  words: readonly string[],
  options?: T,
): ResultPromise<{ reject: false; env: NodeJS.ProcessEnv } & T> {
  const [program = "", ...rest] = stowageWords;
  return execa(program, [...rest, ...words], {
    reject: false,
    env: nixEnvironment,
    ...options,
  } as never) as never;
}
