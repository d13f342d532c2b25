import type { Target } from "@stowage/nix";

const PREFIX = "stowage.root.";

/**
 * The image's roots as labels, one for each, so that none comes near the 4096 bytes that containerd starts: a store
 * path's name has at most 211 characters.
 * @param below the labels of a base, whose roots are the image's too
 */
export function rootLabels(
  targets: readonly Target[],
  below: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const roots = [...new Set([...targets.map((target): string => target.storePath), ...rootsIn(below)])];
  return Object.fromEntries(roots.map((root, index) => [`${PREFIX}${index + 1}`, root]));
}

/** Labels that name no roots. */
export function withoutRoots(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(PREFIX)));
}

/** The roots that an image's labels name, in order. */
export function rootsIn(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels)
    .filter(([key]) => key.startsWith(PREFIX))
    .toSorted(([a], [b]) => Number(a.slice(PREFIX.length)) - Number(b.slice(PREFIX.length)))
    .map(([, root]) => root);
}
