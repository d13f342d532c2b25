import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { removeFolder } from "./temporary-folder.ts";

/** Debian's docker-registry, a test's own. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: the registry in references. */
  readonly host: string;
  readonly url: string;
  /** Where its storage lies. */
  readonly storage: string;
  /** What it has logged so far. */
  log(): string;
}

export interface RegistrySettings {
  /** The certificate and its key, files in PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  readonly auth?: Readonly<Record<string, unknown>> | undefined;
  readonly storage?: string | undefined;
  readonly isReadOnly?: boolean | undefined;
  /** Room for its storage, in bytes; root only. */
  readonly room?: number | undefined;
}

/** The user that {@link passwordAuth} lets in. */
export const testUser = { username: "cat", password: "canary-7f3a" } as const;

/** Basic authentication: the file has one user, whose password is hashed with bcrypt at its cheapest. */
export function passwordAuth(folder: string): Readonly<Record<string, unknown>> {
  const path = join(folder, "htpasswd");
  writeFileSync(path, `${testUser.username}:$2b$04$a4xD4xbx0hibTMIrqIRF5.YiboZCjLpicTX3WQy1xaznA39L1dlEG\n`);
  return { htpasswd: { realm: "test", path } };
}

/** Starts a registry on a port of loopback. */
export async function startRegistry(settings: RegistrySettings = {}): Promise<TestRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-registry-"));
  const storage = settings.storage ?? join(folder, "storage");
  mkdirSync(storage, { recursive: true });
  for (let tries = 0; ; tries++) {
    const host = `127.0.0.1:${await freePort()}`;
    const config = join(folder, "config.json");
    // YAML is a superset of JSON.
    writeFileSync(config, JSON.stringify(configuration(host, storage, settings)));
    const [program = "", ...words] = commandOf(config, storage, settings.room);
    const daemon = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
    });
    let log = "";
    for (const stream of [daemon.stdout, daemon.stderr])
      stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const exited = new Promise<void>((resolve) => daemon.on("exit", () => resolve()));
    const scheme = settings.tls === undefined ? "http" : "https";
    const isUp = await Promise.race([exited.then(() => false), listens(host)]);
    if (!isUp) {
      // Somebody else took the port meanwhile.
      if (tries < 5 && log.includes("address already in use")) continue;
      throw new Error(`docker-registry does not start:\n${log}`);
    }
    return {
      host,
      url: `${scheme}://${host}`,
      storage,
      log: () => log,
      async [Symbol.asyncDispose]() {
        daemon.kill("SIGKILL");
        await exited;
        removeFolder(folder);
      },
    };
  }
}

/** With little room, its storage is a file system in memory that nobody else sees. */
function commandOf(config: string, storage: string, room: number | undefined): string[] {
  if (room === undefined) return ["docker-registry", "serve", config];
  const script = 'mount -t tmpfs -o size="$0" tmpfs "$1" && exec docker-registry serve "$2"';
  return ["unshare", "-m", "sh", "-c", script, String(room), storage, config];
}

function configuration(host: string, storage: string, { tls, auth, isReadOnly }: RegistrySettings): unknown {
  return {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: isReadOnly === true } },
    },
    http: { addr: host, secret: "test", ...(tls === undefined ? {} : { tls }) },
    ...(auth === undefined ? {} : { auth }),
  };
}

/** Waits until something accepts connections. */
async function listens(host: string): Promise<true> {
  const [address = "", port] = host.split(":");
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), address);
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return true;
    await sleep(20);
  }
}
