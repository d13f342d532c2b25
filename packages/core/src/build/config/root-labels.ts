import type { Target } from "@stowage/nix";

/**
 * The image's roots as labels, one for each, so that none comes near the 4096 bytes that containerd starts: a store
 * path's name has at most 211 characters.
 */
export function rootLabels(targets: readonly Target[]): Record<string, string> {
  const roots = [...new Set(targets.map((target) => target.storePath))];
  return Object.fromEntries(roots.map((root, index) => [`stowage.root.${index + 1}`, root]));
}
