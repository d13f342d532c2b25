import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nixEnvironment } from "./nix-environment.ts";
import { removeFolder } from "./temporary-folder.ts";

/** A few store paths in a store of their own, which one pack takes half a second for. */
export interface SmallClosure extends Disposable {
  /** The store as `--store` takes it. */
  readonly url: string;
  /** Where the store's `/nix` lies on the disk. */
  readonly root: string;
  readonly paths: readonly string[];
  /** For NODE_COMPILE_CACHE, which takes a quarter off the time of a small pack. */
  readonly compileCache: string;
  /** The words of a pack, but for its output. */
  readonly pack: readonly string[];
}

/** Makes a store with files of several kinds and sizes; one of them has more than two chunks. */
export function makeSmallClosure(): SmallClosure {
  const folder = mkdtempSync(join(tmpdir(), "stowage-small-"));
  const source = join(folder, "source");
  const file = (name: string, contents: string | Buffer, mode = 0o644): void => {
    mkdirSync(join(source, name, ".."), { recursive: true });
    writeFileSync(join(source, name), contents);
    chmodSync(join(source, name), mode);
  };
  file("thing-1.0/bin/thing", "#!/bin/sh\necho thing\n", 0o755);
  file("data-2.0/share/large", Buffer.alloc(2_500_000, "every byte counts; "));
  for (let index = 0; index < 8; index++) file(`data-2.0/share/small-${index}`, "s".repeat(index * 300));
  symlinkSync("share/large", join(source, "data-2.0/link"));
  file("empty-0", "");
  file("one-file-3", "one file");
  mkdirSync(join(source, "nothing-1"));
  const root = join(folder, "root");
  const url = `local?root=${root}`;
  const paths = ["thing-1.0", "data-2.0", "empty-0", "one-file-3", "nothing-1"].map((name) =>
    execFileSync("nix-store", ["--store", url, "--add", join(source, name)], {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim(),
  );
  const options = ["--platform", "linux/amd64", "--layering", "per-path", "--jobs", "2"];
  return {
    url,
    root,
    paths,
    compileCache: join(folder, "compiled"),
    pack: ["-q", "pack", "--store", url, ...paths, ...options],
    [Symbol.dispose]: () => removeFolder(folder),
  };
}
