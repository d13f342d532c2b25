import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "@stowage/nix";
import { describe } from "vitest";
import { copyToCache, makeCacheKey } from "../support/binary-cache.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeStore, nixStoreWith, type StoreUnderTest } from "./store.ts";

const ready = requirePrograms("nix-store", "nix");

/** A cache that has whatever is added to a store of the test's own. */
function openCache(open: (folder: string, publicKey: string) => StoreUnderTest["store"]): StoreUnderTest {
  const folder = temporaryFolder();
  const key = makeCacheKey(folder);
  const from = `local?root=${join(folder, "root")}`;
  const nixStore = nixStoreWith(["--store", from], nixEnvironment);
  const cache = { folder: join(folder, "cache"), key, from };
  mkdirSync(cache.folder);
  writeFileSync(join(cache.folder, "nix-cache-info"), "StoreDir: /nix/store\n");
  return {
    store: open(cache.folder, key.publicKey),
    nixStore: (...words) => {
      const said = nixStore(...words);
      if (words[0] === "--add") copyToCache([said], cache);
      return said;
    },
  };
}

const skips = {
  protects: "nothing can be deleted from under a reader",
  finds: "a cache lists no names",
  elsewhere: "what is in a cache is a name until it is asked for",
};

describe.skipIf(!ready)("a binary cache", () => {
  describeStore(
    "in a folder",
    () =>
      openCache((folder, publicKey) =>
        openStore({ url: `file://${folder}`, environment: {}, trust: { publicKeys: [publicKey] } }),
      ),
    skips,
  );

  describeStore(
    "behind a store that has nothing, where there is no Nix",
    () =>
      openCache((folder, publicKey) =>
        openStore({
          url: [`local?root=${folder}/nothing`, `file://${folder}`],
          environment: { PATH: "/nonexistent" },
          trust: { publicKeys: [publicKey] },
        }),
      ),
    skips,
  );
});
