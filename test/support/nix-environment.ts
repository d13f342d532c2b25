import { join } from "node:path";
import { repository } from "./repository.ts";

/**
 * The environment for Nix in tests: without a daemon as root, nothing fetched. The world's prepare script and the
 * README's commands set the same. Node keeps what it compiled, and the sources without their types: of what a start of the
 * command takes, more than half.
 */
export const nixEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  // A CI's log would get lines about progress where the machine is slow.
  CI: undefined,
  NODE_COMPILE_CACHE: join(repository, "node_modules/.cache/compiled"),
  // Git refuses a checkout that somebody else owns, and Nix asks Git what is in it.
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "safe.directory",
  GIT_CONFIG_VALUE_0: repository,
  NIX_CONFIG: [
    process.env["NIX_CONFIG"] ?? "",
    "build-users-group =",
    "sandbox = false",
    "substitute = false",
    "experimental-features = nix-command flakes",
  ].join("\n"),
};
