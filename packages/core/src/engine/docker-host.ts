import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { engineMissing } from "./engine.ts";

/** Where Docker's engine answers. */
export type DockerAddress =
  | { readonly kind: "socket"; readonly socketPath: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** Over SSH or TLS: Docker's own client knows the way. */
  | { readonly kind: "client"; readonly shown: string };

const USUAL_SOCKET = "/var/run/docker.sock";

/**
 * Where the docker command would go: `DOCKER_HOST`, else the context of `DOCKER_CONTEXT` or of its config, else the usual socket.
 * @throws CoreError `engine-missing` for an address that is none
 */
export async function findDocker(environment: NodeJS.ProcessEnv): Promise<DockerAddress> {
  const given = environment["DOCKER_HOST"];
  const context = given ? undefined : await readContext(environment);
  const host = given || context?.host;
  if (host === undefined) return { kind: "socket", socketPath: USUAL_SOCKET };
  const url = parseUrl(host);
  const isTls =
    context?.isTls === true ||
    (environment["DOCKER_TLS_VERIFY"] ?? "") !== "" ||
    (environment["DOCKER_TLS"] ?? "") !== "";
  if (url?.protocol === "unix:") return { kind: "socket", socketPath: decodeURIComponent(url.pathname) };
  if (url?.protocol === "tcp:" && !isTls)
    return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 2375) };
  if (url !== undefined && ["tcp:", "ssh:", "https:"].includes(url.protocol))
    return { kind: "client", shown: host };
  throw engineMissing("docker", `'${host}' is not the address of an engine`, {
    hint: "Write DOCKER_HOST as unix:///var/run/docker.sock or tcp://127.0.0.1:2375.",
  });
}

/** The endpoint of the context that is in use (docker/cli, `cli/context/store`): named by the SHA-256 of its name. */
async function readContext(
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly host: string; readonly isTls: boolean } | undefined> {
  const folder = environment["DOCKER_CONFIG"] || join(environment["HOME"] || homedir(), ".docker");
  const config = await readJson(join(folder, "config.json"));
  const name = environment["DOCKER_CONTEXT"] || textAt(config, ["currentContext"]);
  if (name === undefined || name === "" || name === "default") return undefined;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(join(folder, "contexts", "meta", id, "meta.json"));
  const host = textAt(meta, ["Endpoints", "docker", "Host"]);
  if (host !== undefined) {
    const certificates = join(folder, "contexts", "tls", id, "docker");
    return { host, isTls: (await readdir(certificates).catch(() => [])).length > 0 };
  }
  throw engineMissing("docker", `there is no context '${name}'`, {
    hint: "Look at docker context ls, or say where it is with DOCKER_HOST.",
  });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

function textAt(value: unknown, keys: readonly string[]): string | undefined {
  let at = value;
  for (const key of keys) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  return typeof at === "string" ? at : undefined;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
