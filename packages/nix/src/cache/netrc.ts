import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NixError } from "../errors.ts";
import { readSetting } from "./nix-conf.ts";

/** Who logs in to a host. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A line of a netrc file: for one host, or without a name for all others. */
interface Entry extends Login {
  readonly machine: string | undefined;
}

/**
 * Who logs in where, as Nix has it (nix.conf(5), `netrc-file`): by default `netrc` beside the system's nix.conf.
 * @returns a function of a host's name without its port
 * @throws NixError `store-unsupported` for a file that cannot be read
 */
export async function readLogins(
  environment: NodeJS.ProcessEnv,
): Promise<(host: string) => Login | undefined> {
  const folder = environment["NIX_CONF_DIR"];
  const byDefault = join(folder === undefined || folder === "" ? "/etc/nix" : folder, "netrc");
  const path = (await readSetting("netrc-file", environment)) ?? byDefault;
  const entries = parseNetrc(await readIfThere(path));
  return (host) => {
    const wanted = host.toLowerCase();
    return entries.find(({ machine }) => machine === undefined || machine.toLowerCase() === wanted);
  };
}

/** A missing file is one without logins, as for Nix. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    throw new NixError("store-unsupported", `the logins in '${path}' cannot be read: ${code}`, {
      path,
      cause,
      hint: "netrc-file of nix.conf names another file.",
    });
  }
}

/** Reads a netrc file as curl does: words apart by blanks, or in quotes; `macdef` goes on until an empty line. */
function parseNetrc(text: string): readonly Entry[] {
  const entries: { machine: string | undefined; username: string; password: string }[] = [];
  const lines = text.split(/\r?\n/);
  let key: string | undefined;
  for (let index = 0; index < lines.length; index++) {
    for (const word of wordsOf(lines[index] as string)) {
      const entry = entries.at(-1);
      if (key === "machine") entries.push({ machine: word, username: "", password: "" });
      else if (key === "login" && entry !== undefined) entry.username = word;
      else if (key === "password" && entry !== undefined) entry.password = word;
      if (key !== undefined) key = undefined;
      else if (word.toLowerCase() === "default")
        entries.push({ machine: undefined, username: "", password: "" });
      else key = word.toLowerCase();
      if (key === "macdef") {
        while (index + 1 < lines.length && (lines[index + 1] as string).trim() !== "") index++;
        key = undefined;
        break;
      }
    }
  }
  return entries;
}

/** The words of a line; what is behind a `#` that begins a word is none. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, quoted, plain = ""] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    if (quoted === undefined && plain.startsWith("#")) break;
    words.push(quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, unescape));
  }
  return words;
}

function unescape(_: string, character: string): string {
  return { n: "\n", r: "\r", t: "\t" }[character] ?? character;
}
