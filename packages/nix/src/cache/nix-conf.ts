import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { NixError } from "../errors.ts";

/** Files that may include each other, so deep at most. */
const MAX_INCLUDES = 16;

/** A line of a configuration file: a setting's name and its value. */
type Setting = readonly [name: string, value: string];

/**
 * A list setting as Nix's configuration files and the environment say it (nix.conf(5)): the system's file, the user's
 * files, `NIX_CONFIG`; each later one over those before. `extra-NAME` adds to what was there.
 * @param names the setting's name, and older ones
 * @throws NixError `store-unsupported` for a file that cannot be read
 */
export async function readListSetting(
  names: readonly string[],
  byDefault: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string[]> {
  let values = [...byDefault];
  for (const [name, value] of await readAll(environment)) {
    const words = value.split(/\s+/).filter((word) => word !== "");
    if (names.includes(name)) values = words;
    else if (names.some((each) => name === `extra-${each}`)) values.push(...words);
  }
  return [...new Set(values)];
}

/**
 * A setting of one value, in the same places; undefined where none says it.
 * @throws NixError `store-unsupported` for a file that cannot be read
 */
export async function readSetting(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const said = (await readAll(environment)).findLast(([each]) => each === name)?.[1];
  return said === "" ? undefined : said;
}

/**
 * A setting that counts something, in the same places; undefined where none says it.
 * @throws NixError `store-unsupported` for a file that cannot be read, or what is no number
 */
export async function readCountSetting(
  name: string,
  environment: NodeJS.ProcessEnv,
): Promise<number | undefined> {
  const said = await readSetting(name, environment);
  if (said === undefined || /^\d{1,9}$/.test(said)) return said === undefined ? undefined : Number(said);
  throw new NixError(
    "store-unsupported",
    `Nix's configuration has '${said}' for ${name}, which is no number`,
    {
      hint: "Mend it in nix.conf or in NIX_CONFIG.",
    },
  );
}

/** All that is set, the strongest last. */
async function readAll(environment: NodeJS.ProcessEnv): Promise<Setting[]> {
  const settings: Setting[] = [];
  for (const path of configurationFiles(environment)) {
    const text = await readIfThere(path);
    if (text !== undefined) settings.push(...(await readSettings(text, path, 0)));
  }
  const own = environment["NIX_CONFIG"];
  if (own !== undefined) settings.push(...(await readSettings(own, resolve("NIX_CONFIG"), 0)));
  return settings;
}

/** Weakest first. */
function configurationFiles(environment: NodeJS.ProcessEnv): string[] {
  const given = (name: string): string | undefined => {
    const value = environment[name];
    return value === "" ? undefined : value;
  };
  const system = join(given("NIX_CONF_DIR") ?? "/etc/nix", "nix.conf");
  const files = environment["NIX_USER_CONF_FILES"];
  if (files !== undefined) return [system, ...files.split(":").filter(Boolean).toReversed()];
  const home = given("XDG_CONFIG_HOME") ?? join(given("HOME") ?? homedir(), ".config");
  const folders = [home, ...(given("XDG_CONFIG_DIRS") ?? "/etc/xdg").split(":").filter(Boolean)];
  return [system, ...folders.map((folder) => join(folder, "nix", "nix.conf")).toReversed()];
}

async function readSettings(text: string, path: string, depth: number): Promise<Setting[]> {
  const settings: Setting[] = [];
  for (const line of text.split("\n")) {
    const words = line.replace(/#.*/, "").trim().split(/\s+/);
    const [first = "", second = ""] = words;
    if (first === "include" || first === "!include") {
      settings.push(...(await readIncluded(resolve(dirname(path), second), first === "include", depth)));
    } else if (second === "=") settings.push([first, words.slice(2).join(" ")]);
  }
  return settings;
}

async function readIncluded(path: string, isNeeded: boolean, depth: number): Promise<Setting[]> {
  if (depth >= MAX_INCLUDES) throw unreadable(path, "files include each other without end");
  const text = await readIfThere(path);
  if (text === undefined) {
    if (isNeeded) throw unreadable(path, "there is no such file");
    return [];
  }
  return readSettings(text, path, depth + 1);
}

/** A file's text; undefined where there is none. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(path, code, cause);
  }
}

function unreadable(path: string, reason: string, cause?: unknown): NixError {
  return new NixError("store-unsupported", `Nix's configuration '${path}' cannot be read: ${reason}`, {
    path,
    cause,
  });
}
