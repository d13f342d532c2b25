import { createHash, randomBytes } from "node:crypto";
import { lstat, readdir, readlink, symlink, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemErrorCode } from "./output-error.ts";
import { fateOf, ownMark } from "./process-mark.ts";
import { markTemporary } from "./temporary-path.ts";

const POLL_MILLISECONDS = 10;

/** A lock of a process that cannot be seen from here counts for this long: what is done under a lock takes far less. */
const UNSEEN_MILLISECONDS = 60 * 1000;

/** File systems that have no symlinks have no lock either. */
const withoutSymlinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"]);

/**
 * Does something that only one process at a time may do to `path`. The lock is a symlink beside it that names its
 * owner, made in one step. One whose owner was killed is never taken away from its place, as two who wait could both do
 * that, one of them to the lock that the other just took: who comes next takes a further link, named after the dead
 * owner, and holds the lock if the way to it is still the same; removing both, the first one first, ends that.
 * @param signal ends the waiting
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const first = join(dirname(path), `.${basename(path)}.lock`);
  const links = await take(first, signal);
  const marks = links.map(markTemporary);
  try {
    return await work();
  } finally {
    for (const mark of marks) mark[Symbol.dispose]();
    for (const link of links) await removeOwn(link);
  }
}

/** A disk's fault may pass; a link that stays in spite of it is a dead owner's for whoever comes next. */
async function removeOwn(link: string): Promise<void> {
  await unlink(link)
    .catch(() => unlink(link))
    .catch(() => {});
}

/** Waits for the lock. Returns the links to remove, in this order. */
async function take(first: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const owner = `${ownMark()}.${randomBytes(8).toString("hex")}`;
  for (;;) {
    const links = await tryTake(first, owner);
    if (links !== undefined) return links;
    signal?.throwIfAborted();
    await sleep(POLL_MILLISECONDS * (1 + Math.random()));
  }
}

/** The links from the first to one's own; undefined where somebody who lives has the lock. */
async function tryTake(first: string, owner: string): Promise<readonly string[] | undefined> {
  const dead = new Map<string, string>();
  let link = first;
  for (;;) {
    const made = await makeLink(owner, link);
    if (made === "impossible") return [];
    if (made === "made") break;
    const other = await readOwner(link);
    if (other === undefined || !(await isDead(other, link))) return undefined;
    dead.set(link, other);
    link = linkAfter(first, other);
  }
  for (const [passed, other] of dead) {
    if ((await readOwner(passed)) === other) continue;
    await unlink(link);
    return undefined;
  }
  const links = [...dead.keys(), link];
  if (dead.size > 0) await removeStrays(first, links);
  return links;
}

/** Removes links that no way leads to any more: of somebody killed while he removed them. */
async function removeStrays(first: string, links: readonly string[]): Promise<void> {
  const folder = dirname(first);
  const strays = (await readdir(folder)).filter((name) => name.startsWith(`${basename(first)}.`));
  for (const name of strays) {
    const stray = join(folder, name);
    if (!links.includes(stray)) await unlink(stray).catch(() => {});
  }
}

async function makeLink(owner: string, link: string): Promise<"made" | "there" | "impossible"> {
  try {
    await symlink(owner, link);
    return "made";
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code === "EEXIST") return "there";
    if (withoutSymlinks.has(code)) return "impossible";
    throw error;
  }
}

async function readOwner(link: string): Promise<string | undefined> {
  try {
    return await readlink(link);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function isDead(owner: string, link: string): Promise<boolean> {
  const fate = fateOf(owner.slice(0, owner.indexOf(".")));
  if (fate !== "unseen") return fate === "ended";
  const stats = await lstat(link).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > UNSEEN_MILLISECONDS;
}

/** The link to take after a dead owner. */
function linkAfter(first: string, owner: string): string {
  return `${first}.${createHash("sha256").update(owner).digest("hex").slice(0, 16)}`;
}
