import type { GlobalOptions } from "../speaker.ts";

/** Marks text for the eye; where there is no colour it stays as it is. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly inverse: (text: string) => string;
}

/** Colour only where it was asked for, or on a terminal without `NO_COLOR` (https://no-color.org). */
export function makeStyle(
  color: GlobalOptions["color"],
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv,
): Style {
  const isWanted =
    color === "always" ||
    (color === "auto" && stream.isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb");
  const mark = (start: number, end: number) => (text: string) =>
    isWanted && text !== "" ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return { bold: mark(1, 22), dim: mark(2, 22), inverse: mark(7, 27) };
}
