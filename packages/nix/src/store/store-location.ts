import { join, resolve } from "node:path";
import { NixError } from "../errors.ts";
import { DEFAULT_STORE_DIR } from "../store-path.ts";

/** Where a local store's paths are, by name and on the disk, and how `nix-store` is told which store is meant. */
export interface StoreLocation {
  /** The store directory that paths are named by. */
  readonly storeDir: string;
  /** The directory on this machine that holds them; differs from `storeDir` under a chroot store. */
  readonly physicalDir: string;
  /** The root that absolute symlinks of a chroot store resolve in; empty for this machine's own. */
  readonly root: string;
  /** The file of its database, as far as the URL tells: whoever has not made the store need not have it. */
  readonly database: string | undefined;
  /** Arguments of `nix-store` that choose the store. */
  readonly arguments: readonly string[];
}

/**
 * Understands a store's URL as Nix does (Nix 2.34, "Store Types"): nothing and `auto`, `daemon`, `unix://SOCKET`,
 * `local`, each with `root`, `store`, `state` and `real` as parameters, and a bare absolute path for a chroot store.
 * Without a URL the environment's `NIX_REMOTE`, `NIX_STORE_DIR` and `NIX_STATE_DIR` say it.
 * @throws NixError `store-unsupported`
 */
export function locateStore(url: string | undefined, environment: NodeJS.ProcessEnv): StoreLocation {
  const chosen = url ?? environment["NIX_REMOTE"] ?? "";
  const { root, store, real, state } = readParameters(chosen);
  const storeDir =
    store ?? (root === undefined ? normalise(environment["NIX_STORE_DIR"]) : undefined) ?? DEFAULT_STORE_DIR;
  const physicalDir = real ?? (root === undefined ? storeDir : join(root, storeDir));
  const ownState = root === undefined ? normalise(environment["NIX_STATE_DIR"]) : undefined;
  const stateDir = state ?? ownState ?? join(root ?? "/", "nix/var/nix");
  return {
    storeDir,
    physicalDir,
    root: root ?? "",
    // Whose daemon hears at another socket, its URL does not tell.
    database: chosen.startsWith("unix://") ? undefined : join(stateDir, "db/db.sqlite"),
    arguments: url === undefined ? [] : ["--store", url],
  };
}

interface StoreParameters {
  readonly root?: string;
  readonly store?: string;
  readonly real?: string;
  readonly state?: string;
}

function readParameters(url: string): StoreParameters {
  if (url.startsWith("/")) return { root: resolve(url) };
  const [scheme = "", query = ""] = url.split(/\?(.*)/s);
  if (!["", "auto", "daemon", "local"].includes(scheme) && !scheme.startsWith("unix://"))
    throw unsupported(url);
  const parameters = new URLSearchParams(query.replaceAll("+", "%2B"));
  const read = (name: string): string | undefined => normalise(parameters.get(name) ?? undefined);
  const [root, store, real, state] = [read("root"), read("store"), read("real"), read("state")];
  return {
    ...(root === undefined ? {} : { root }),
    ...(store === undefined ? {} : { store }),
    ...(real === undefined ? {} : { real }),
    ...(state === undefined ? {} : { state }),
  };
}

function normalise(path: string | undefined): string | undefined {
  if (path === undefined || path === "") return undefined;
  const absolute = resolve(path);
  return absolute === "/" ? undefined : absolute;
}

function unsupported(url: string): NixError {
  return new NixError(
    "store-unsupported",
    `'${url}' is neither a store whose files are on this machine nor a binary cache`,
    {
      path: url,
      hint: "Take daemon, local, local?root=/path, unix:///socket, a chroot store's folder; or file:///folder, https://host.",
    },
  );
}
