import { join } from "node:path";
import { openExportedGraph } from "@stowage/nix";
import { describe } from "vitest";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeStore, nixStoreWith } from "./store.ts";

const ready = requirePrograms("nix-store");

describe.skipIf(!ready)("an exported closure", () => {
  describeStore(
    "of all that a store under another root holds",
    () => {
      const url = `local?root=${join(temporaryFolder(), "root")}`;
      const nixStore = nixStoreWith(["--store", url], nixEnvironment);
      nixStore("--add", import.meta.filename);
      return {
        // Exported again each time, as the suite adds to the store.
        get store() {
          return openExportedGraph(nixStore("--dump-db"), { url, environment: { PATH: "/nowhere" } });
        },
        nixStore,
      };
    },
    { protects: "a text cannot hold paths against a collector; in a sandbox Nix does" },
  );
});
