import { spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStore } from "@stowage/nix";
import { afterAll, beforeAll, describe } from "vitest";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { describeStore, nixStoreWith } from "./store.ts";

const ready = requirePrograms("nix-store", "nix-daemon");

describe.skipIf(!ready)("a local store", () => {
  describeStore("of a single user", () => ({
    store: openStore({ environment: nixEnvironment }),
    nixStore: nixStoreWith([], nixEnvironment),
  }));

  describeStore("under another root, by URL", () => {
    const url = `local?root=${join(temporaryFolder(), "root")}`;
    return {
      store: openStore({ url, environment: nixEnvironment }),
      nixStore: nixStoreWith(["--store", url], nixEnvironment),
    };
  });

  describeStore("under another root, by NIX_REMOTE", () => {
    const environment = { ...nixEnvironment, NIX_REMOTE: `local?root=${join(temporaryFolder(), "root")}` };
    return { store: openStore({ environment }), nixStore: nixStoreWith([], environment) };
  });

  describeStore("in another directory, by NIX_STORE_DIR", () => {
    const folder = temporaryFolder();
    const places = {
      NIX_STORE_DIR: `${folder}/store`,
      NIX_STATE_DIR: `${folder}/state`,
      NIX_LOG_DIR: `${folder}/log`,
    };
    const environment = { ...nixEnvironment, ...places };
    return { store: openStore({ environment }), nixStore: nixStoreWith([], environment) };
  });

  describe("with a daemon", () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-daemon-"));
    const socket = join(folder, "socket");
    const environment = { ...nixEnvironment, NIX_REMOTE: `unix://${socket}` };
    let stop = async (): Promise<void> => {};
    beforeAll(async () => {
      const daemon = spawn("nix-daemon", {
        env: { ...nixEnvironment, NIX_DAEMON_SOCKET_PATH: socket },
        stdio: "ignore",
      });
      const exited = new Promise<void>((resolve) => daemon.on("exit", () => resolve()));
      stop = async () => {
        daemon.kill("SIGTERM");
        await exited;
      };
      for (let tries = 0; !existsSync(socket) && tries < 1200; tries++) await sleep(50);
    });
    afterAll(async () => {
      await stop();
      removeFolder(folder);
    });
    describeStore("behind its socket", () => ({
      store: openStore({ environment }),
      nixStore: nixStoreWith([], environment),
    }));
  });
});
