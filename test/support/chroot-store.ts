import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nixEnvironment } from "./nix-environment.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A store of a test's own under another root, in which it may do what nobody may in `/nix`. */
export interface ChrootStore {
  /** What `--store` takes. */
  readonly url: string;
  /** Store paths, in the order of the names. */
  readonly paths: readonly string[];
  /** Where a file of a store path lies on the disk. */
  onDisk(path: string, file?: string): string;
  /** Writes a file of a store path, which is read-only before and after. */
  overwrite(path: string, file: string, contents: string | Buffer): void;
}

/**
 * Makes a store with paths that each hold `bin/<name>`, a program, and `share/text`.
 * @param contents what `share/text` of a name holds; by default the name
 */
export function makeChrootStore(
  names: readonly string[],
  contents: (name: string) => string | Buffer = (name) => `${name}\n`,
): ChrootStore {
  const folder = temporaryFolder();
  const root = join(folder, "root");
  const url = `local?root=${root}`;
  const paths = names.map((name) => {
    const source = join(folder, `${name}-1.0`);
    mkdirSync(join(source, "bin"), { recursive: true });
    mkdirSync(join(source, "share"));
    writeFileSync(join(source, "bin", name), "#!/bin/sh\necho hello\n");
    chmodSync(join(source, "bin", name), 0o755);
    writeFileSync(join(source, "share/text"), contents(name));
    return addToStore(url, source);
  });
  const onDisk = (path: string, file = ""): string => join(root, path, file);
  return {
    url,
    paths,
    onDisk,
    overwrite(path, file, bytes) {
      const place = onDisk(path, file);
      chmodSync(place, 0o644);
      writeFileSync(place, bytes);
      chmodSync(place, 0o444);
    },
  };
}

function addToStore(url: string, source: string): string {
  return execFileSync("nix-store", ["--store", url, "--add", source], {
    env: nixEnvironment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}
