import { lstat, readlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { NixError } from "../errors.ts";
import { isStorePathBaseName, type StorePath } from "../store-path.ts";
import type { StoreLocation } from "./store-location.ts";
import type { Target } from "./store.ts";

const MAX_SYMLINKS = 40;

/** What paths are named by, and where they would lie on the disk. */
type NamedStore = Pick<StoreLocation, "storeDir" | "physicalDir">;

/**
 * Follows what a user pointed at to the store path it stands for: symlinks one at a time, until a place in the store is
 * reached. Under a chroot store a place may be named by its logical path or by its path on the disk.
 * @throws NixError `target-empty`, `target-missing`, `target-not-in-store`, `target-is-derivation`, `path-unreadable`
 */
export async function resolveTarget(given: string, location: StoreLocation): Promise<Target> {
  const target = await resolveByName(given, location);
  const { storePath, subpath } = target;
  const inside = storePath.slice(location.storeDir.length);
  await inspectInside(given, join(location.physicalDir, inside, subpath), storePath);
  return target;
}

/**
 * The same, for a store whose files are elsewhere: what is in the store is a name and no more, so a link may dangle.
 * @throws NixError `target-empty`, `target-missing`, `target-not-in-store`, `target-is-derivation`, `path-unreadable`
 */
export async function resolveByName(given: string, location: NamedStore): Promise<Target> {
  if (given === "" || given.includes("\0")) {
    throw new NixError(
      "target-empty",
      given === "" ? "the target is an empty string" : "the target holds a NUL byte",
      {
        hint: "Name a result link, a store path, or a path inside one; an unset variable may be the reason.",
      },
    );
  }
  let current = resolve(given);
  for (let followed = 0; followed <= MAX_SYMLINKS; followed++) {
    const inside = insideStore(current, location);
    if (inside !== undefined) return makeTarget(given, inside, location);
    const next = await followOne(given, current);
    if (next === undefined) throw notInStore(given, current, location);
    current = next;
  }
  throw new NixError("target-missing", `'${given}' leads nowhere: its symlinks go round in a circle`, {
    path: given,
  });
}

/** The part of a path below the store directory; undefined where it is not in the store. */
function insideStore(path: string, { storeDir, physicalDir }: NamedStore): string | undefined {
  const directory = [storeDir, physicalDir].find((prefix) => path.startsWith(`${prefix}/`));
  return directory === undefined ? undefined : path.slice(directory.length + 1);
}

/** Replaces the first symlink of a path by what it points to; undefined when there is none. */
async function followOne(given: string, path: string): Promise<string | undefined> {
  const parts = path.split("/").slice(1);
  for (const index of parts.keys()) {
    const prefix = `/${parts.slice(0, index + 1).join("/")}`;
    const stats = await inspect(given, path, prefix);
    if (stats.isSymbolicLink()) {
      return resolve(dirname(prefix), await readlink(prefix), ...parts.slice(index + 1));
    }
  }
  return undefined;
}

async function inspect(
  given: string,
  path: string,
  prefix: string,
): Promise<Awaited<ReturnType<typeof lstat>>> {
  try {
    return await lstat(prefix);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES") {
      throw new NixError("path-unreadable", `'${given}': permission denied at ${prefix}`, {
        path: given,
        cause,
      });
    }
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ENAMETOOLONG" && code !== "ELOOP") throw cause;
    const message =
      path === resolve(given)
        ? `'${given}' does not exist`
        : `'${given}' is a dangling link: there is no ${path}`;
    throw new NixError("target-missing", message, {
      path: given,
      cause,
      hint: "Build it first, for example with nix build, which makes the link result.",
    });
  }
}

function makeTarget(given: string, inside: string, location: NamedStore): Target {
  const [baseName = "", ...rest] = inside.split("/");
  if (!isStorePathBaseName(baseName)) throw notInStore(given, `${location.storeDir}/${inside}`, location);
  const storePath = `${location.storeDir}/${baseName}` as StorePath;
  if (baseName.endsWith(".drv")) {
    throw new NixError("target-is-derivation", `${storePath} is a derivation; build it first`, {
      path: given,
      hint: `nix-store --realise ${storePath} builds it and prints what to pack.`,
    });
  }
  return { given, storePath, subpath: rest.join("/") };
}

async function inspectInside(given: string, onDisk: string, storePath: StorePath): Promise<void> {
  try {
    await lstat(onDisk);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES")
      throw new NixError("path-unreadable", `'${given}': permission denied`, { path: given, cause });
    throw new NixError("target-missing", `'${given}' points into ${storePath}, which has nothing there`, {
      path: given,
      cause,
      hint: "It may have been collected: build it again, or name a binary cache that has it with --store.",
    });
  }
}

function notInStore(given: string, place: string, location: NamedStore): NixError {
  const where = place === resolve(given) ? "" : ` (it is ${place})`;
  return new NixError(
    "target-not-in-store",
    `'${given}' is not in the Nix store ${location.storeDir}${where}`,
    {
      path: given,
      hint: "Name a result link, a store path, or a path inside one; --store chooses another store.",
    },
  );
}
