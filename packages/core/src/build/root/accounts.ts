import { CoreError } from "../../errors.ts";
import type { RootNode, RootTree } from "./root-tree.ts";

/** Who the container runs as. */
export interface User {
  /** What the config's `User` says: numbers, so that orchestrators can tell it is not root. */
  readonly configUser: string;
  readonly uid: number;
  readonly gid: number;
  /** Set where the user needs an entry of its own in /etc/passwd, and a home. */
  readonly account?: { readonly name: string; readonly groupName: string };
}

const ROOT = 0;
const NOBODY = 65534;
const FIRST_USER = 1000;
const LARGEST_ID = 2 ** 31 - 1;
const namePattern = /^[a-z_][a-z0-9_-]{0,31}$/;

/**
 * Reads Docker's `USER[:GROUP]`. A name that is not root or nobody becomes user 1000 with an account of its own, in a
 * group 1000 unless a number says otherwise; a numeric user needs no account.
 * @throws CoreError `option-invalid`
 */
export function parseUser(text: string): User {
  const [user, group, ...more] = text.split(":");
  if (user === undefined || more.length > 0) throw invalidUser(text);
  const uid = parseId(user, text);
  if (typeof uid === "number") {
    if (group === undefined) {
      return /^\d/.test(user)
        ? { uid, gid: ROOT, configUser: `${uid}` }
        : { uid, gid: uid, configUser: `${uid}:${uid}` };
    }
    const gid = parseId(group, text);
    if (typeof gid !== "number") throw invalidUser(text);
    return { uid, gid, configUser: `${uid}:${gid}` };
  }
  const gid = group === undefined ? FIRST_USER : parseId(group, text);
  const account = { name: user, groupName: typeof gid === "number" ? user : gid.name };
  const gidNumber = typeof gid === "number" ? gid : FIRST_USER;
  return { uid: FIRST_USER, gid: gidNumber, configUser: `${FIRST_USER}:${gidNumber}`, account };
}

/** A number as it is, root and nobody by their numbers, another name as a name. */
function parseId(text: string, option: string): number | { readonly name: string } {
  if (/^\d+$/.test(text)) {
    if (Number(text) > LARGEST_ID) throw invalidUser(option);
    return Number(text);
  }
  if (!namePattern.test(text)) throw invalidUser(option);
  if (text === "root") return ROOT;
  return text === "nobody" || text === "nogroup" ? NOBODY : { name: text };
}

function invalidUser(text: string): CoreError {
  return new CoreError("option-invalid", `--user: '${text}' is not a user`, {
    hint: "Give NAME, UID, NAME:GROUP or UID:GID (the group as a number); names are lower case letters, digits, '-', '_'.",
  });
}

/**
 * Puts /etc/passwd, /etc/group, /etc/nsswitch.conf, /tmp and the homes where nothing else stands.
 * @throws CoreError `place-clash` when the user needs an account and something else brings /etc/passwd or /etc/group
 */
export function putAccounts(tree: RootTree, user: User | undefined): void {
  const account = user?.account;
  const passwd = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/var/empty:/bin/sh"];
  const group = ["root:x:0:", "nobody:x:65534:"];
  if (user !== undefined && account !== undefined) {
    const home = `/home/${account.name}`;
    passwd.push(`${account.name}:x:${user.uid}:${user.gid}:${account.name}:${home}:/bin/sh`);
    if (user.gid !== ROOT && user.gid !== NOBODY) group.push(`${account.groupName}:x:${user.gid}:`);
    const origin = `--user ${account.name}`;
    if (!tree.has(home))
      tree.put(home, { type: "directory", mode: 0o755, uid: user.uid, gid: user.gid, origin });
    tree.put("/etc/passwd", textFile(passwd, origin));
    tree.put("/etc/group", textFile(group, origin));
  }
  const origin = "the user database (left out by --bare)";
  tree.putIfFree("/etc/passwd", textFile(passwd, origin));
  tree.putIfFree("/etc/group", textFile(group, origin));
  tree.putIfFree("/etc/nsswitch.conf", textFile(["hosts: files dns"], origin));
  tree.putIfFree("/root", { type: "directory", mode: 0o700, origin });
  tree.putIfFree("/var/empty", { type: "directory", mode: 0o555, origin });
  tree.putIfFree("/tmp", { type: "directory", mode: 0o1777, origin });
}

function textFile(lines: readonly string[], origin: string): RootNode {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  return { type: "file", mode: 0o644, size: bytes.length, chunks: () => [bytes], origin };
}
