import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nixEnvironment } from "./nix-environment.ts";
import { repository } from "./repository.ts";
import { removeFolder } from "./temporary-folder.ts";

/** A result link made by real Nix from the offline world, in a folder of its own. */
export interface Built extends Disposable {
  /** The `result` link. */
  readonly link: string;
  /** The folder it lies in. */
  readonly folder: string;
}

/** Builds an installable of the repository's flake against the offline world: `fortune-cat`. */
export function buildFlake(attribute: string): Built {
  return build((link) => [
    "build",
    `${repository}#${attribute}`,
    "--override-input",
    "nixpkgs",
    `path:${repository}/test/world`,
    "--out-link",
    link,
  ]);
}

/** Builds one of the world's own packages: `tests.wrapped`. */
export function buildWorld(attribute: string): Built {
  return build((link) => ["build", `path:${repository}/test/world#${attribute}`, "--out-link", link]);
}

function build(words: (link: string) => string[]): Built {
  const folder = mkdtempSync(join(tmpdir(), "stowage-world-"));
  const link = join(folder, "result");
  execFileSync("nix", words(link), { env: nixEnvironment, stdio: ["ignore", "ignore", "pipe"] });
  return { link, folder, [Symbol.dispose]: () => removeFolder(folder) };
}

/** The store paths of a link's closure, as Nix says. */
export function closureOf(link: string): string[] {
  return execFileSync("nix-store", ["-qR", link], { env: nixEnvironment, encoding: "utf8" })
    .trim()
    .split("\n");
}
