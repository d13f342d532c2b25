import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  isStorePathBaseName,
  parsePackageName,
  parseStorePath,
  storePathBaseName,
  storePathHashPart,
  storePathName,
} from "@stowage/nix";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";

/** Real store paths' base names with what `builtins.parseDrvName` makes of their names, from Nix 2.8. */
const corpus = readFileSync(join(import.meta.dirname, "fixtures/store-path-names.txt"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split(" ") as [base: string, name: string, version?: string]);

describe("a few hundred real store paths", () => {
  test("there are so many", () => {
    expect(corpus.length).toBeGreaterThan(250);
    expect(new Set(corpus.map(([base]) => base.slice(33))).size).toBe(corpus.length);
  });

  test("are store paths, and fall into hash and name", () => {
    for (const [base] of corpus) {
      expect(isStorePathBaseName(base)).toBe(true);
      const path = parseStorePath(`/nix/store/${base}`);
      expect(storePathBaseName(path)).toBe(base);
      expect(`${storePathHashPart(path)}-${storePathName(path)}`).toBe(base);
    }
  });

  test("have the package name and version that Nix says", () => {
    expect(corpus.map(([base]) => parsePackageName(base.slice(33)))).toEqual(
      corpus.map(([, name, version = ""]) => ({ name, version })),
    );
  });

  test.skipIf(!requirePrograms("nix-instantiate"))("the Nix of this machine says the same", () => {
    const names = corpus.map(([base]) => JSON.stringify(base.slice(33)));
    const expression = `map builtins.parseDrvName [ ${names.join(" ")} ]`;
    const said: unknown = JSON.parse(
      execFileSync("nix-instantiate", ["--eval", "--strict", "--json", "-E", expression], {
        env: nixEnvironment,
        encoding: "utf8",
      }),
    );
    expect(said).toEqual(corpus.map(([, name, version = ""]) => ({ name, version })));
  });
});
