import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { typesTakenAway } from "./support/from-source.ts";

/** The packages' sources are tested directly: no build comes between an edit and its test. */
const conditions = ["@stowage/source", "node", "import", "module", "default"];

/** Campaigns that run in full take minutes. */
const patience = process.env["STOWAGE_LONG"] === "1" ? 60 : 1;

/** Projects whose tests run the command have it as users do. */
const publishedCommand = [new URL("support/published-command.ts", import.meta.url).pathname];

const project = (name: string, timeoutSeconds: number, globalSetup: readonly string[] = []) => ({
  extends: true as const,
  test: {
    name,
    globalSetup: [...globalSetup],
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutSeconds * patience * 1000,
    hookTimeout: timeoutSeconds * patience * 1000,
  },
});

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // One more than Vitest's own choice: who waits for an engine or a disk leaves half of two processors idle.
    maxWorkers: availableParallelism(),
    execArgv: [...typesTakenAway],
    // What a page shows comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 30_000 } },
    projects: [
      project("nix", 30),
      project("oci", 60),
      project("core", 60),
      project("cli", 60, publishedCommand),
      project("fortune-cat", 60),
      project("contract", 60),
      project("e2e", 120, publishedCommand),
      project("docs", 300, publishedCommand),
    ],
  },
});
