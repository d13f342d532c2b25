import { spellings, type Completions, type OptionCompletion } from "./completions.ts";

/** Words that a shell completes at some place. */
export interface Cases {
  /** All verbs. */
  readonly verbs: string;
  readonly globalOptions: string;
  /** The options of each verb. */
  readonly options: readonly { readonly verb: string; readonly words: string }[];
  /** What may follow an option of a verb; an option that takes something else has no words. */
  readonly values: readonly { readonly pattern: string; readonly words: string; readonly isFile: boolean }[];
}

/** The same tables for the shells that are told by `case`. A verb and an option make a pattern, as `"ls --sort"`. */
export function shellCases({ verbs, global }: Completions): Cases {
  const wordsOf = (options: readonly OptionCompletion[]): string => options.flatMap(spellings).join(" ");
  const valuesOf = (verb: string, options: readonly OptionCompletion[]): Cases["values"] =>
    options.flatMap((option) => {
      if (option.value === "none") return [];
      const pattern = spellings(option)
        .map((name) => `${verb}" ${name}"`)
        .join("|");
      return [{ pattern, words: option.choices.join(" "), isFile: option.value === "file" }];
    });
  return {
    verbs: [...verbs.map(({ name }) => name), "help"].join(" "),
    globalOptions: wordsOf(global),
    options: verbs.map(({ name, options }) => ({
      verb: name,
      words: `${wordsOf(options)} ${wordsOf(global)}`,
    })),
    values: [
      ...verbs.flatMap(({ name, options }) => valuesOf(`"${name}"`, options)),
      ...valuesOf("*", global),
    ],
  };
}
