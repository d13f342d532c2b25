/**
 * The environment for Nix in tests: without a daemon as root, nothing fetched. The world's prepare script and the
 * README's commands set the same.
 */
export const nixEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  NIX_CONFIG: [
    process.env["NIX_CONFIG"] ?? "",
    "build-users-group =",
    "sandbox = false",
    "substitute = false",
    "experimental-features = nix-command flakes",
  ].join("\n"),
};
