import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { copyToCache, makeCacheKey } from "../support/binary-cache.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { shell, type Contender, type LateRow } from "./contender.ts";
import { coldPack, forget, packWords, type Bench } from "./stowage-command.ts";
import type { Subject } from "./subject.ts";

/**
 * From a signed binary cache on loopback to the archive, against Nix, which copies the closure into a store that has nothing, and
 * a pack of that. Another process serves the cache, alike for all of them; what it takes is not counted.
 */
export function cacheRow(bench: Bench, subject: Subject): LateRow {
  const question = "cold pack from a binary cache over HTTP, zstd NARs";
  return {
    question,
    async make(disposed) {
      const folder = join(bench.folder, "binary-cache");
      const output = join(bench.folder, "image.tar");
      const layout = join(bench.folder, "layout");
      disposed.defer(() => {
        forget(folder, output, layout);
        if (existsSync(storeCopy(bench))) removeFolder(storeCopy(bench));
      });
      mkdirSync(folder);
      const key = makeCacheKey(folder);
      const from = subject.storeRoot === "" ? undefined : `local?root=${subject.storeRoot}`;
      copyToCache([subject.path], { folder: join(folder, "files"), key, compression: "zstd", from });
      const url = await serve(join(folder, "files"), disposed);
      const cached: Subject = {
        ...subject,
        words: [subject.path, "--store", url, "--trusted-public-key", key.publicKey],
      };
      return {
        question,
        contenders: [
          coldPack(bench, cached, { name: "stowage", output, words: [] }),
          {
            ...coldPack(bench, cached, {
              name: "stowage, layout",
              output: layout,
              words: ["--format", "oci-dir"],
            }),
            isVariant: true,
          },
          ...copiedByNix(bench, subject, { url, publicKey: key.publicKey, output }),
        ],
      };
    },
  };
}

/** `nix copy` into a store that has nothing: with a pack of that store, and alone. */
function copiedByNix(
  bench: Bench,
  subject: Subject,
  { url, publicKey, output }: { readonly url: string; readonly publicKey: string; readonly output: string },
): Contender[] {
  const root = storeCopy(bench);
  const store = `local?root=${root}`;
  const trusted = ["--option", "trusted-public-keys", publicKey];
  const copying = ["nix", "copy", ...trusted, "--from", url, "--to", store, subject.path];
  const packing = packWords({ ...subject, words: [subject.path, "--store", store] }, "-o", output);
  const before = (): void => {
    if (existsSync(root)) removeFolder(root);
    forget(bench.cache, output);
  };
  const script = 'count=$1; shift; "${@:1:count}"; "${@:count+1}"';
  return [
    {
      name: "nix copy, stowage",
      command: shell(script, String(copying.length), ...copying, ...packing),
      before,
    },
    { name: "nix copy alone", command: copying, before },
  ];
}

/** Where Nix copies to. */
const storeCopy = (bench: Bench): string => join(bench.folder, "copied");

/** Has a process serve a folder until all is disposed of; its URL. */
async function serve(folder: string, disposed: AsyncDisposableStack): Promise<string> {
  const program = join(import.meta.dirname, "serve-cache.ts");
  const serving = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
  disposed.defer(() => void serving.kill());
  const [url] = (await once(createInterface(serving.stdout), "line")) as [string];
  return url;
}
