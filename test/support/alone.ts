/**
 * The words before a command that is to see no processes but its own. To Nix every path of a store that some process of
 * the machine has open, or names in its environment, is a root, whichever store is asked: other tests' processes too.
 */
export const alone: readonly string[] = [
  "unshare",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-current-user"]),
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
];
