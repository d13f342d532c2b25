import type { BaseImage } from "@stowage/oci";
import { CoreError } from "../errors.ts";
import { parseUser, type User } from "../build/root/accounts.ts";

/** Larger than any /etc/passwd or /etc/group of an image. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The users and groups of a base, by name. */
export interface BaseAccounts {
  readonly users: ReadonlyMap<string, { readonly uid: number; readonly gid: number }>;
  readonly groups: ReadonlyMap<string, number>;
}

/** Reads the base's /etc/passwd and /etc/group; a base without them has no names. */
export async function readAccounts(image: Pick<BaseImage, "readFile">): Promise<BaseAccounts> {
  const passwd = await readLines(image, "/etc/passwd");
  const group = await readLines(image, "/etc/group");
  return {
    users: firstOfEach(
      passwd.flatMap(([name = "", , uid = "", gid = ""]) =>
        isId(uid) && isId(gid) ? [[name, { uid: Number(uid), gid: Number(gid) }] as const] : [],
      ),
    ),
    groups: firstOfEach(
      group.flatMap(([name = "", , gid = ""]) => (isId(gid) ? [[name, Number(gid)] as const] : [])),
    ),
  };
}

/**
 * Reads Docker's `USER[:GROUP]` with the names of a base; numbers are what they are without one, and root is always there.
 * @param option what the user wrote it for, for the message
 * @throws CoreError `option-invalid`
 */
export function resolveUser(text: string, { users, groups }: BaseAccounts, option: string): User {
  const [name = "", group, ...more] = text.split(":");
  if (name === "" || group === "" || more.length > 0 || isId(name)) {
    // A group by name behind a number is the only thing that a base changes of these.
    const gid = isId(name) && group !== undefined ? groups.get(group) : undefined;
    return parseUser(gid === undefined ? text : `${name}:${gid}`);
  }
  const user = users.get(name) ?? (name === "root" ? { uid: 0, gid: 0 } : undefined);
  if (user === undefined) throw nobodyOf(`user '${name}'`, option, "a number, such as 1000:1000");
  const gid = group === undefined ? user.gid : isId(group) ? Number(group) : groups.get(group);
  if (gid === undefined) throw nobodyOf(`group '${group}'`, option, "a number");
  return { uid: user.uid, gid, configUser: `${user.uid}:${gid}` };
}

async function readLines(image: Pick<BaseImage, "readFile">, path: string): Promise<string[][]> {
  const bytes = await image.readFile(path, { maxBytes: MAX_BYTES });
  return (bytes?.toString() ?? "").split("\n").map((line) => line.split(":"));
}

/** As `getpwnam` does: the first line of a name counts. */
function firstOfEach<Value>(entries: readonly (readonly [string, Value])[]): Map<string, Value> {
  return new Map(entries.toReversed());
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;
}

function nobodyOf(who: string, option: string, instead: string): CoreError {
  return new CoreError("option-invalid", `${option}: the base has no ${who}`, {
    hint: `Give ${instead}, or a name from the base's /etc/passwd and /etc/group.`,
  });
}
