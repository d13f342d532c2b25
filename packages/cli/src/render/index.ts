import type { IndexResult } from "@stowage/core";
import { renderPushed } from "./push.ts";

/** What an index holds, and where it went. */
export function renderIndex({ images, output, manifestDigest, pushed }: IndexResult): string {
  return [
    ...images.map(({ image, platform = "about another" }) => `${platform}  ${image}`),
    ...(output === undefined ? [] : [`wrote ${output}: ${manifestDigest}`]),
    ...pushed.map(renderPushed),
  ].join("\n");
}
