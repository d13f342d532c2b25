import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Certificate } from "./certificates.ts";
import { removeFolder } from "./temporary-folder.ts";

/** A Docker engine of the test's own. */
export interface Docker extends AsyncDisposable {
  /** Runs a docker command and returns what it prints. */
  run(...words: string[]): Promise<string>;
  /** `unix:///…`, for DOCKER_HOST. */
  readonly host: string;
}

export interface DockerSettings {
  /** Which dockerd. */
  readonly program?: string | undefined;
  /** Keeps images in containerd's store. */
  readonly hasContentStore?: boolean | undefined;
  /** A port of loopback where it speaks TLS too, with clients that the same authority knows. */
  readonly tls?:
    | { readonly port: number; readonly authority: Certificate; readonly server: Certificate }
    | undefined;
}

/**
 * A dockerd that can keep images in containerd's store (Docker 24 and later): that of `STOWAGE_DOCKERD`, else the installed one where it
 * is new enough; Debian 12 has 20.10.
 */
export function findNewDockerd(): string | undefined {
  const program = process.env["STOWAGE_DOCKERD"] ?? "dockerd";
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return Number(/version (\d+)\./.exec(stdout ?? "")?.[1] ?? 0) >= 24 ? program : undefined;
}

/** Starts a dockerd in folders of its own, in a mount namespace of its own, without network set-up. */
export async function startDocker(settings: DockerSettings = {}): Promise<Docker> {
  const { program = "dockerd", hasContentStore = false, tls } = settings;
  const folder = mkdtempSync(join(tmpdir(), "stowage-docker-"));
  const host = `unix://${folder}/socket`;
  const words = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--data-root", `${folder}/data`];
  writeFileSync(
    `${folder}/daemon.json`,
    JSON.stringify(hasContentStore ? { features: { "containerd-snapshotter": true } } : {}),
  );
  words.push("--config-file", `${folder}/daemon.json`);
  if (tls !== undefined) {
    words.push("--tlsverify", "--tlscacert", tls.authority.certificate, "--tlscert", tls.server.certificate);
    words.push("--tlskey", tls.server.key, "-H", `tcp://127.0.0.1:${tls.port}`);
  }
  const daemon = spawn(
    "unshare",
    [
      "-m",
      "--",
      program,
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
