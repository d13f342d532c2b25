import { readFileSync } from "node:fs";
import type { PackOptions } from "@stowage/core";
import { unreadable } from "./unreadable.ts";
import { UsageError } from "./usage-error.ts";

/** `--entrypoint`, `--cmd`: a JSON array of strings, or one word. */
export function parseWords(option: string, text: string): string[] {
  if (!text.trimStart().startsWith("[")) return text === "" ? [] : [text];
  const parsed = parseJson(text, `${option}: not a JSON array: `);
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === "string")) {
    throw new UsageError(
      `${option}: '${text}' is not an array of strings`,
      `Write ${option} '["/result/bin/app","--flag"]'.`,
    );
  }
  return parsed;
}

/** `NAME=VALUE` settings by name, the last of a name winning. */
export function parseSettings(option: string, settings: readonly string[]): Record<string, string> {
  const entries = settings.map((setting): [string, string] => {
    const at = setting.indexOf("=");
    if (at < 1) throw new UsageError(`${option}: '${setting}' has no value`, `Write ${option} NAME=VALUE.`);
    return [setting.slice(0, at), setting.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

/** `--dir PATH[:MODE[:USER]]`; the user may be `UID:GID`. */
export function parseDirectory(text: string): NonNullable<PackOptions["directories"]>[number] {
  const [path = "", mode, ...owner] = text.split(":");
  return {
    path,
    mode: mode === undefined ? undefined : parseMode("--dir", mode),
    owner: owner.length === 0 ? undefined : owner.join(":"),
  };
}

/** `--add FILE:PATH[:MODE]`; FILE may hold colons, PATH may not. */
export function parseFile(text: string): NonNullable<PackOptions["files"]>[number] {
  const match = /^(.+?):(\/[^:]*)(?::([^:/]*))?$/s.exec(text);
  if (match === null)
    throw new UsageError(
      `--add: '${text}' is not FILE:PATH`,
      "Write --add motd.txt:/etc/motd or --add run.sh:/run.sh:0755.",
    );
  const [, source = "", path = "", mode] = match;
  return { source, path, mode: mode === undefined ? undefined : parseMode("--add", mode) };
}

export function parseWholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option}: '${text}' is not a whole number`);
  return Number(text);
}

/** `--config FILE`: a JSON document. */
export function readConfigFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw unreadable("--config", path, cause);
  }
  return parseJson(text, `--config: '${path}' is not JSON: `);
}

function parseMode(option: string, text: string): number {
  if (!/^[0-7]{3,4}$/.test(text)) {
    throw new UsageError(
      `${option}: '${text}' is not a file mode`,
      "Write three or four octal digits, such as 0755.",
    );
  }
  return Number.parseInt(text, 8);
}

function parseJson(text: string, prefix: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${prefix}${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
