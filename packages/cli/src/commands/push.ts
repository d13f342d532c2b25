import type { PackResult, PushImageResult } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import type { Progress } from "../render/describe-progress.ts";
import { renderJson } from "../render/json.ts";
import { renderAttached, renderPushed } from "../render/push.ts";
import type { Speaker } from "../speaker.ts";
import { saveThreadMemory } from "../thread-memory.ts";
import { attachOption, parseAttachment } from "./attach-words.ts";
import { readImageAccess, withImageOptions, type ImageWords } from "./image-words.ts";
import { readStoreAccess, withStoreOptions, type StoreWords } from "./store-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function pushCommand(): Verb {
  const command = withStoreOptions(
    withImageOptions(new Command("push"))
      .summary("push an image or a target to a registry")
      .description(
        "Push an image to a registry as it is, with the same digests: an archive, a layout directory, or what another registry has. Or push the image that pack would make of a target; nothing is stored in between.\n\n  stowage push app.tar registry.example/team/app:1\n  stowage push result registry.example/team/app:1\n  stowage push staging.example/app:1 registry.example/app:1 --attach application/spdx+json=sbom.json",
      )
      .argument(
        "<image|target>",
        "an archive, a layout directory, a reference in a registry; or a result link or a store path",
      )
      .argument("<ref>", "where to: REGISTRY/NAME[:TAG]"),
  )
    .option("--compression <codec>", "of a target: none, gzip or zstd; with a level: zstd:9 (default: none)")
    .addOption(attachOption())
    .option("--json", "print what was pushed as JSON");
  return { command, action: (speaker, parsed) => runPush(speaker, parsed.args, parsed.opts<PushWords>()) };
}

interface PushWords extends ImageWords, StoreWords {
  readonly attach: readonly string[];
  readonly compression?: string;
  readonly json?: boolean;
}

async function runPush(speaker: Speaker, args: readonly string[], words: PushWords): Promise<number> {
  const [what = "", reference = ""] = args;
  const attach = words.attach.map(parseAttachment);
  const access = await readImageAccess(words, speaker);
  saveThreadMemory();
  const core = await import("@stowage/core");
  using progress = speaker.startProgress();
  const options = {
    ...access,
    attach,
    push: [reference],
    onProgress: progress && ((event: Progress) => progress.update(event)),
  };
  const isImage = await core.isImageWord(what);
  if (isImage && words.compression !== undefined) {
    throw new UsageError(
      `'${what}' is an image, which is pushed as it is`,
      "Leave --compression out, or name what it was packed from.",
    );
  }
  const result = isImage
    ? await core.pushImage({ ...options, image: what })
    : describePacked(
        await core.pack({
          ...options,
          targets: [what],
          compression: words.compression,
          ...readStoreAccess(words, speaker),
          onWarning: (warning) => {
            speaker.warn(warning);
          },
        }),
      );
  if (words.json) await speaker.print(renderJson(result));
  else
    for (const line of [...result.pushed.map(renderPushed), ...result.attached.map(renderAttached)])
      speaker.tell(line);
  return exitCodes.done;
}

/** What `push` says of an image that was made for it. */
function describePacked(packed: PackResult): PushImageResult & Pick<PackResult, "imageId" | "layers"> {
  const { manifestDigest = "", imageId, layers, platform, pushed = [], attached = [] } = packed;
  return {
    manifestDigest,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    platforms: [platform],
    ...(imageId === undefined ? {} : { imageId }),
    layers,
    pushed,
    attached,
  };
}
