import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

export interface Containerd {
  /** Where it answers, for CONTAINERD_ADDRESS. */
  readonly socket: string;
  readonly ctr: (...words: string[]) => ReturnType<typeof execa>;
}

/** A containerd of the test's own, ended with the test. */
export async function startContainerd(): Promise<Containerd> {
  const folder = temporaryFolder();
  const socket = join(folder, "socket");
  const config = join(folder, "config.toml");
  writeFileSync(
    config,
    [
      "version = 2",
      `root = "${folder}/root"`,
      `state = "${folder}/state"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\n  address = "${socket}"`,
      `[ttrpc]\n  address = "${socket}.ttrpc"`,
    ].join("\n"),
  );
  const daemon = spawn("containerd", ["-c", config], { stdio: "ignore" });
  const exited = new Promise((resolve) => daemon.on("exit", resolve));
  onTestFinished(async () => {
    daemon.kill("SIGTERM");
    await exited;
  });
  for (let tries = 0; !existsSync(socket) && tries < 1200; tries++) await sleep(50);
  return { socket, ctr: (...words) => execa("ctr", ["-a", socket, ...words]) };
}
