import { nixEnvironment } from "../support/nix-environment.ts";

/**
 * The environment that processes are measured in: Nix without a daemon, and Node as it comes. What the tests set for themselves, as a
 * cache of what Node compiled, has nobody who runs the command.
 */
export const userEnvironment: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(nixEnvironment).filter(([name]) => name !== "CI" && !name.startsWith("NODE_")),
);
