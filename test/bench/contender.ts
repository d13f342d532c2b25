/** A whole process that is measured. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** What has to be so each time before it starts; not measured. */
  readonly before?: () => void;
  /** A program of others that it needs: where it is not installed, the contender is left out. */
  readonly needs?: string;
  /** A file the program writes its own seconds to, where the process's start is not to be counted. */
  readonly clock?: string;
  /** The same as another contender but for a word that other rows show to work: a quick run leaves it out. */
  readonly isVariant?: boolean;
}

/** Contenders that do the same work. They take turns, so that what disturbs the machine disturbs all of them. */
export interface Row {
  readonly question: string;
  /** The first one is what the others are compared with. */
  readonly contenders: readonly Contender[];
  /** How many rounds more it takes than other rows, where one is over at once. */
  readonly roundsFactor?: number;
}

/** A row whose contenders need something that is not there until it is measured. */
export interface LateRow {
  readonly question: string;
  /** @param disposed takes what is to be taken away once the row was measured */
  readonly make: (disposed: AsyncDisposableStack) => Promise<Row>;
}

/** A script for bash that fails if any part of a pipe does; the words are `$1` and so on. */
export function shell(script: string, ...words: readonly string[]): string[] {
  return ["bash", "-c", `set -e -o pipefail; ${script}`, "bash", ...words];
}
