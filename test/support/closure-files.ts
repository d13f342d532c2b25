import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { narHashToHex } from "@stowage/nix";
import { pathInfoOf } from "./graphs.ts";

/** A closure written as names with the names they refer to and sizes, as `nix-store --dump-db` would print it. */
export function registrationOf(
  references: Readonly<Record<string, readonly string[]>>,
  narSizes: Readonly<Record<string, number>> = {},
): string {
  return Object.entries(references)
    .map(([name, targets]) => {
      const info = pathInfoOf(name, targets, narSizes[name]);
      const lines = [
        info.path,
        narHashToHex(info.narHash),
        info.narSize,
        "",
        targets.length,
        ...info.references,
      ];
      return `${lines.join("\n")}\n`;
    })
    .join("");
}

/** A file with a closure in it; returns its path. */
export function writeClosure(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}
