import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readImageClosure } from "@stowage/core";
import { HashScanner } from "@stowage/core/internal";
import { campaignSize } from "../../support/campaign.ts";
import { forgeFiles, toArchive, type ForgedLayer } from "../../support/forge-image.ts";
import { smallStoreImage, type SmallPath } from "../../support/small-store-image.ts";
import { forgeMember, forgeTar } from "../../support/tar-forge.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const hash = (digit: string): string => digit.repeat(32);
const app = `${hash("a")}-app-1`;
const lib = `${hash("b")}-lib-2`;
const data = `${hash("c")}-data-3`;

/** The image with the record of it left out, as another tool makes one. */
function unrecorded(layers: readonly ForgedLayer[]): string {
  const path = join(temporaryFolder(), "image.tar");
  writeFileSync(path, toArchive(forgeFiles(layers)));
  return path;
}

const paths: readonly SmallPath[] = [
  {
    baseName: app,
    files: { "bin/app": `x /nix/store/${lib}/lib y`, link: `-> /nix/store/${data}/f` },
    references: [],
  },
  { baseName: lib, files: { lib: `self ${hash("b")}`, [`named-${hash("c")}`]: "" } },
  { baseName: data, files: { f: `not here: /nix/store/${hash("d")}-gone` } },
];

test("paths, sizes and hashes from the entries, references by what they name", async () => {
  const { layers, options } = smallStoreImage(paths);
  const recorded = join(temporaryFolder(), "recorded.tar");
  writeFileSync(recorded, toArchive(forgeFiles(layers, options)));
  const known = (await readImageClosure(recorded)).closure;
  const { closure, storeLayers, layers: count } = await readImageClosure(unrecorded(layers));
  const full = (name: string): string => `/nix/store/${name}`;
  expect(closure.paths.map(({ path, references }) => [path, references])).toEqual([
    [full(app), [full(lib), full(data)]],
    [full(lib), [full(lib), full(data)]],
    [full(data), []],
  ]);
  const measures = ({ paths: all }: typeof closure): unknown =>
    all.map(({ path, narHash, narSize }) => ({ path, narHash, narSize }));
  expect(measures(closure)).toEqual(measures(known));
  expect(closure.roots).toEqual([full(app)]);
  expect(storeLayers.map(({ number, paths }) => ({ number, paths }))).toEqual([
    { number: 0, paths: [full(app)] },
    { number: 1, paths: [full(lib)] },
    { number: 2, paths: [full(data)] },
  ]);
  expect(count).toBe(4);
});

test("an image without store paths, and one with a path that is cut, are refused", async () => {
  const plain = unrecorded([{ stored: forgeTar(forgeMember({ name: "a" }, "a")) }]);
  await expect(readImageClosure(plain)).rejects.toMatchObject({ code: "not-found" });
  const { layers } = smallStoreImage(paths);
  const [first, ...others] = layers as [ForgedLayer, ...ForgedLayer[]];
  const cut = unrecorded([{ stored: first.stored.subarray(0, 2048) }, ...others]);
  await expect(readImageClosure(cut)).rejects.toMatchObject({ code: "image-corrupted" });
});

test("hash parts are found wherever they stand, however the stream is cut", () => {
  const digits = "0123456789abcdfghijklmnpqrsvwxyz";
  const wanted = [digits, hash("a"), `${"a".repeat(31)}b`];
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...wanted) },
    fc.string({
      unit: fc.constantFrom("a", "b", "0", "1", "x", "y", "e", "t", "o", "/", "\0"),
      maxLength: 40,
    }),
    fc.integer({ min: 1, max: 40 }).map((count) => "a".repeat(count)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (pieces, cuts) => {
        const text = pieces.join("");
        const found = new Set<string>();
        const scanner = new HashScanner(new Set(wanted), (each) => found.add(each));
        for (let at = 0, round = 0; at < text.length; round++) {
          const length = cuts[round % cuts.length] as number;
          const chunk = Buffer.from(text.slice(at, at + length), "latin1");
          scanner.push(chunk);
          chunk.fill(0);
          at += length;
        }
        expect([...found].toSorted()).toEqual(wanted.filter((each) => text.includes(each)).toSorted());
      },
    ),
    { seed: 5, numRuns: campaignSize({ ci: 2000, long: 100_000 }) },
  );
});
