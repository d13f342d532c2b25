import type { AttachedFile, PushedName } from "@stowage/core";
import { formatSize } from "./size.ts";

/** Where an image went in a registry, by its digest, which nobody can move, and what it cost. */
export function renderPushed({ reference, manifestDigest, sent }: PushedName): string {
  const cost = sent === 0 ? "the registry had everything" : `${formatSize(sent)} sent`;
  return `pushed ${reference}@${manifestDigest}: ${cost}`;
}

/** What was attached to it, and under which digest that is. */
export function renderAttached({ type, file, repository, manifestDigest }: AttachedFile): string {
  return `attached ${file} (${type}): ${repository}@${manifestDigest}`;
}
