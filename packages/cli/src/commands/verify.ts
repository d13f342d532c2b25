import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import { renderVerify } from "../render/verify.ts";
import type { Speaker } from "../speaker.ts";
import { isPiped, readImageAccess, readImageWord, withImageOptions, type ImageWords } from "./image-words.ts";
import { readStoreAccess, withStoreOptions, type StoreWords } from "./store-words.ts";
import type { Verb } from "./verb.ts";

export function verifyCommand(): Verb {
  const command = withStoreOptions(
    withImageOptions(new Command("verify"))
      .summary("prove that an image is whole and what Nix built")
      .description(
        "Prove that an image is whole and holds what Nix built: every digest, size and count, the safety of every entry, and each store path's NAR hash, recomputed from the layers. It is held against this machine's Nix ('matches Nix'), or against the image's own record where Nix does not know the path ('self-consistent'). Nothing is written. Exit status 1 with any finding.\n\n  stowage verify app.tar\n  stowage verify layout/ --json\n  stowage verify registry.example/app:1",
      )
      .argument(
        "<image>",
        "an image archive, a layout directory, a reference in a registry, or - for an archive on stdin, read in one pass from a pipe",
      ),
  ).option("--json", "print the answer as JSON");
  return {
    command,
    action: (speaker, parsed) => runVerify(speaker, parsed.args, parsed.opts<VerifyWords>()),
  };
}

interface VerifyWords extends ImageWords, StoreWords {
  readonly json?: boolean;
}

async function runVerify(speaker: Speaker, args: readonly string[], words: VerifyWords): Promise<number> {
  const word = args[0] ?? "";
  const source = isPiped(word) ? { image: "stdin", stream: process.stdin } : { image: readImageWord(word) };
  const access = await readImageAccess(words, speaker);
  const { verify } = await import("@stowage/core");
  using progress = speaker.startProgress();
  const result = await verify({
    ...access,
    ...source,
    ...readStoreAccess(words, speaker),
    onProgress: progress && ((event) => progress.update(event)),
  });
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(words.json ? renderJson(result) : renderVerify(result, style));
  return result.findings.length === 0 ? exitCodes.done : exitCodes.finding;
}
