import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildGraph, findDuplicates, packageOf } from "@stowage/core";
import { makeClosure, parseNarHash, parseStorePath, type PathInfo } from "@stowage/nix";
import { repository } from "../../support/repository.ts";
import { pathInfoOf } from "../../support/graphs.ts";

const narHash = parseNarHash("0".repeat(64));
const info = (path: string, deriver?: string): PathInfo => ({
  path: parseStorePath(path),
  narHash,
  narSize: 1,
  references: [],
  ...(deriver === undefined ? {} : { deriver }),
});

describe("the package of a path", () => {
  const hash = "/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c";
  const deriver = (name: string): string => `/nix/store/1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d-${name}.drv`;

  test.each([
    ["openssl-3.0.7-dev", "openssl-3.0.7", { name: "openssl", version: "3.0.7", output: "dev" }],
    ["openssl-3.0.7", "openssl-3.0.7", { name: "openssl", version: "3.0.7", output: "out" }],
    ["openssl-3.0.7-dev", undefined, { name: "openssl", version: "3.0.7-dev", output: undefined }],
    ["source", undefined, { name: "source", version: "", output: undefined }],
    ["other-1.0", "openssl-3.0.7", { name: "other", version: "1.0", output: undefined }],
    ["perl-5.40.0-env", "perl-5.40.0-env", { name: "perl", version: "5.40.0-env", output: "out" }],
  ])("%s, deriver %s", (name, derivation, expected) => {
    expect(packageOf(info(`${hash}-${name}`, derivation && deriver(derivation)))).toEqual(expected);
  });
});

describe("duplicates among real names without derivers", () => {
  const corpus = readFileSync(join(repository, "test/nix/fixtures/store-path-names.txt"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => `/nix/store/${line.split(" ", 1)[0]}`)
    .filter((path) => !/deb|\.drv$/.test(path));
  const found = findDuplicates(
    buildGraph(
      makeClosure(
        "/nix/store",
        [],
        corpus.map((path) => info(path)),
      ),
    ),
  );
  const versions = (name: string, output: string): readonly string[] | undefined =>
    found.find((each) => each.name === name && each.output === output)?.versions;

  test("outputs are not versions", () => {
    expect(versions("curl", "out")).toEqual(["7.87.0", "8.11.0"]);
    expect(versions("gcc", "lib")).toEqual(["11.3.0", "13.2.0", "13.3.0", "14-20241116"]);
    expect(versions("gcc", "libgcc")).toEqual(["13.2.0", "13.3.0", "14-20241116"]);
    expect(versions("icu4c", "out")).toBeUndefined();
    expect(versions("glibc", "out")).toEqual(["2.35-224", "2.39-52", "2.40-36"]);
  });

  test("versions stand in Nix's order, and one path alone is no duplicate", () => {
    expect(versions("bash", "out")).toEqual(["5.2-p15", "5.2p26", "5.2p37"]);
    expect(found.every(({ copies }) => copies.length > 1)).toBe(true);
    expect(found.some(({ name }) => name === "caddy")).toBe(false);
  });

  test("a guess gives way to what a deriver of the same package says", () => {
    const paths = [
      { ...pathInfoOf("frob-1.0-static", []), deriver: `${pathInfoOf("frob-1.0-static", []).path}.drv` },
      pathInfoOf("frob-1.1-static", []),
    ];
    // Here "static" is part of a derivation's own name, not an output of frob-1.0.
    const graph = buildGraph(makeClosure("/nix/store", [], paths));
    expect(findDuplicates(graph)).toEqual([]);
    expect(packageOf(paths[0] as PathInfo)).toEqual({ name: "frob", version: "1.0-static", output: "out" });
  });
});
