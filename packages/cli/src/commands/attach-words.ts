import type { Attachment } from "@stowage/core";
import { Option } from "commander";
import { UsageError } from "./usage-error.ts";

/** `--attach`, of the verbs that push. */
export function attachOption(): Option {
  return new Option(
    "--attach <type=file>",
    "attach a file to what is pushed: application/spdx+json=sbom.json; may be repeated",
  )
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], "none");
}

export function parseAttachment(word: string): Attachment {
  const at = word.indexOf("=");
  if (at < 1 || at === word.length - 1) {
    throw new UsageError(
      `--attach: '${word}' is not a type and a file`,
      "Write --attach application/spdx+json=sbom.json.",
    );
  }
  return { type: word.slice(0, at), file: word.slice(at + 1) };
}
