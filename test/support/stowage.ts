import { execa } from "execa";
import { join } from "node:path";
import { inject } from "vitest";
import { fromSource } from "./from-source.ts";
import { nixEnvironment } from "./nix-environment.ts";
import { repository } from "./repository.ts";

/** The words that start the command with this Node, from source. */
export const stowageFromSource: readonly string[] = [
  process.execPath,
  ...fromSource,
  join(repository, "packages/cli/src/main.ts"),
];

const published = inject("publishedCommand");

/** The words that start the command with this Node: as it is published in the projects that make it so, else from source. */
export const stowageWords: readonly string[] =
  published === undefined ? stowageFromSource : [process.execPath, published];

/** What a run of the command said. */
export interface Said {
  readonly exitCode?: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; a failing exit status is an answer, not an error. */
export async function stowage(
  words: readonly string[],
  options: {
    /** Words that come before the command's own. */
    readonly before?: readonly string[];
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly timeout?: number;
    /** A file that takes it. */
    readonly stdout?: { readonly file: string };
  } = {},
): Promise<Said> {
  const { before = [], ...settings } = options;
  const [program = "", ...rest] = [...before, ...stowageWords, ...words];
  return execa(program, rest, { reject: false, env: nixEnvironment, ...settings });
}
