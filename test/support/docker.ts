import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { removeFolder } from "./temporary-folder.ts";

/** A Docker engine of the test's own. */
export interface Docker extends AsyncDisposable {
  /** Runs a docker command and returns what it prints. */
  run(...words: string[]): Promise<string>;
  /** `unix:///…`, for DOCKER_HOST. */
  readonly host: string;
}

/** Starts a dockerd in folders of its own, in a mount namespace of its own, without network set-up. */
export async function startDocker(): Promise<Docker> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-docker-"));
  const host = `unix://${folder}/socket`;
  const words = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--data-root", `${folder}/data`];
  const daemon = spawn(
    "unshare",
    [
      "-m",
      "--",
      "dockerd",
      ...words,
      "--exec-root",
      `${folder}/exec`,
      "--pidfile",
      `${folder}/pid`,
      "-H",
      host,
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const exited = new Promise<void>((resolve) => daemon.on("exit", () => resolve()));
  let log = "";
  daemon.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const run = async (...docker: string[]): Promise<string> =>
    (await execa("docker", ["-H", host, ...docker])).stdout;
  for (let tries = 0; ; tries++) {
    if (daemon.exitCode !== null || tries > 1200) throw new Error(`dockerd does not start:\n${log}`);
    try {
      await run("version");
      break;
    } catch {
      await sleep(100);
    }
  }
  const stop = async (): Promise<void> => {
    daemon.kill("SIGTERM");
    await exited;
    removeFolder(folder);
  };
  return { run, host, [Symbol.asyncDispose]: stop };
}
