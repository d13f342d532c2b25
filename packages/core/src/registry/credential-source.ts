import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { CredentialSource } from "@stowage/oci";
import { parseAuthFile, type AuthFile } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";
import { askCredentialHelper } from "./credential-helper.ts";

/**
 * Credentials from where Docker and the containers tools leave them: the first file that has some for a registry counts, and
 * in it a helper before an entry. Read only when a registry wants any.
 */
export function fileCredentials(environment: NodeJS.ProcessEnv): CredentialSource {
  return async (repository, signal) => {
    for (const path of authFiles(environment)) {
      const file = await readAuthFile(path);
      for (const entry of file?.find(repository) ?? []) {
        if (entry.kind !== "helper") return entry;
        const kept = await askCredentialHelper(entry, { environment, signal });
        if (kept !== undefined) return kept;
      }
    }
    return undefined;
  };
}

/** Docker's own place comes last, as for podman and skopeo, unless its variable says that it is meant. */
function authFiles(environment: NodeJS.ProcessEnv): string[] {
  const home = environment["HOME"] ?? homedir();
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = environment;
  const places = [
    REGISTRY_AUTH_FILE,
    within(DOCKER_CONFIG, "config.json"),
    within(XDG_RUNTIME_DIR, "containers/auth.json"),
    join(within(XDG_CONFIG_HOME, "") ?? join(home, ".config"), "containers/auth.json"),
    join(home, ".docker/config.json"),
  ];
  return [...new Set(places.filter((place) => place !== undefined && place !== ""))] as string[];
}

function within(folder: string | undefined, name: string): string | undefined {
  return folder === undefined || folder === "" ? undefined : join(folder, name);
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CoreError("file-unreadable", `the credentials in '${path}' cannot be read: ${code}`, {
      path,
      cause,
      hint: "Run as a user who may read the file, or give --username and --password-stdin.",
    });
  }
  return text.trim() === "" ? undefined : parseAuthFile(text, path);
}
