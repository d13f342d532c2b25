import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  measureTree,
  narChunks,
  NarHasher,
  parseNar,
  parseNarHash,
  readTree,
  type TreeEntry,
  type TreeEntryHead,
} from "@stowage/nix";
import { collect } from "../../support/layer-bytes.ts";
import { nastyTrees } from "../../support/nasty-trees.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { nixIsOlderThan } from "../../support/nix-version.ts";
import { requirePrograms, requireWorld } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { below, file, treeEntries, writeTree } from "../../support/trees.ts";
import { buildFlake, closureOf, type Built } from "../../support/world.ts";

/** Twenty thousand files take their time on a busy machine. */
const patience = { timeout: 120_000 };
const hasNix = requirePrograms("nix", "nix-store");

/** Compares a generator's bytes with what `nix-store --dump` prints, and says how many there are. */
async function compareWithDump(path: string, chunks: Generator<Uint8Array>): Promise<number> {
  const dump = spawn("nix-store", ["--dump", path], {
    env: nixEnvironment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let ours = Buffer.alloc(0);
  let position = 0;
  for await (const theirs of dump.stdout as AsyncIterable<Buffer>) {
    for (let at = 0; at < theirs.length;) {
      if (ours.length === 0) ours = Buffer.from((chunks.next().value as Uint8Array | undefined) ?? []);
      const length = Math.min(ours.length, theirs.length - at);
      if (length === 0 || !ours.subarray(0, length).equals(theirs.subarray(at, at + length)))
        throw new Error(`the NAR of ${path} differs from Nix's in the ${length} bytes from ${position}`);
      ours = ours.subarray(length);
      at += length;
      position += length;
    }
  }
  expect(ours).toHaveLength(0);
  expect(chunks.next()).toEqual({ done: true, value: undefined });
  return position;
}

describe.skipIf(!requireWorld() || !hasNix)("NARs of the world's store paths", patience, () => {
  let fortuneCat: Built;
  beforeAll(() => void (fortuneCat = buildFlake("fortune-cat")));
  afterAll(() => fortuneCat[Symbol.dispose]());

  test("are byte for byte those of nix-store --dump, with the hash and size of Nix's database", async () => {
    const paths = closureOf(fortuneCat.link);
    expect(paths.length).toBeGreaterThan(40);
    for (const path of paths) {
      const [hash = "", size] = ["--hash", "--size"].map((what) =>
        execFileSync("nix-store", ["-q", what, path], { env: nixEnvironment, encoding: "utf8" }).trim(),
      );
      const length = await compareWithDump(path, narChunks(readTree({ directory: path })));
      expect(length).toBe(Number(size));
      expect(measureTree(readTree({ directory: path }))).toEqual({ hash: parseNarHash(hash), size: length });
    }
  });
});

describe.skipIf(!hasNix)("NARs of trees of every kind are those of nix-store --dump", patience, () => {
  test.each(Object.entries(nastyTrees))("%s", async (_, tree) => {
    const place = join(temporaryFolder(), "tree");
    writeTree(Buffer.from(place), tree);
    const length = await compareWithDump(place, narChunks(readTree({ directory: place })));
    const measured = measureTree(treeEntries(tree));
    expect(measured.size).toBe(length);
    expect(measureTree(readTree({ directory: place }))).toEqual(measured);
    // However contents come, in the smallest pieces or whole.
    for (const chunkBytes of [1000, 16_384, 65_537])
      expect(measureTree(treeEntries(tree, chunkBytes))).toEqual(measured);
  });

  // Stores hold what Nix before 2.34 took.
  test.runIf(nixIsOlderThan("2.34"))("and of a tree deeper than Nix 2.34 takes", async () => {
    const place = join(temporaryFolder(), "tree");
    writeTree(
      Buffer.from(place),
      below(
        Array.from({ length: 200 }, () => "d"),
        file("deep"),
      ),
    );
    await compareWithDump(place, narChunks(readTree({ directory: place })));
  });

  test("and of a file larger than any buffer, sparse on disk", async () => {
    const place = join(temporaryFolder(), "huge");
    execFileSync("truncate", ["-s", String(200 * 1024 * 1024 + 3), place]);
    await compareWithDump(place, narChunks(readTree({ directory: place })));
  });
});

test("what is taken at all is read back entry by entry", () => {
  const paths = ["a", "b", "a/a", "a/b", "a/b/c", "a-", "ab", "", "a/..", "b/", "A", "\u00ff"];
  const anyHead = fc.oneof(
    fc.record({ type: fc.constant("directory" as const) }),
    fc.record({
      type: fc.constant("symlink" as const),
      target: fc.constantFrom(Buffer.from("t"), Buffer.alloc(0)),
    }),
    fc.record({
      type: fc.constant("file" as const),
      executable: fc.boolean(),
      contents: fc.uint8Array({ maxLength: 20 }),
    }),
  );
  const anyEntry = fc.tuple(fc.constantFrom(...paths), anyHead);
  let taken = 0;
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 6 }), fc.boolean(), (entries, sorted) => {
      const inOrder = sorted ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries;
      const given = [["", { type: "directory" }] as const, ...inOrder].map(([path, head]): TreeEntry => {
        const node = { path: Buffer.from(path) };
        if (head.type !== "file") return { ...node, ...head };
        const { contents, ...rest } = head;
        return { ...node, ...rest, size: contents.length, chunks: () => [contents] };
      });
      let bytes: Buffer;
      try {
        bytes = collect(narChunks(given));
      } catch (error) {
        expect(error).toMatchObject({ name: "NixError", code: "tree-invalid" });
        return;
      }
      taken++;
      const plain = (entry: TreeEntry): unknown =>
        entry.type === "file" ? { ...entry, chunks: collect(entry.chunks()).toString("hex") } : entry;
      expect(Array.from(parseNar([bytes]), plain)).toEqual(given.map(plain));
    }),
    { numRuns: 3000, seed: 4 },
  );
  expect(taken).toBeGreaterThan(300);
});

test("many thousands of directories may end at once", () => {
  const hasher = new NarHasher();
  const path = Buffer.from("d/".repeat(20_000));
  for (let depth = 0; depth < 20_000; depth++)
    hasher.begin({ type: "directory", path: path.subarray(0, Math.max(2 * depth - 1, 0)) });
  const node = (name: number): number => 16 + 16 + 24 + (name === 0 ? 0 : 16 + 16 + 16 + 16 + 16 + 16);
  expect(hasher.finish().size).toBe(24 + node(0) + 16 + 19_999 * (node(1) + 16));
});

const entry = (path: string | Buffer, rest: Partial<TreeEntryHead> = {}): TreeEntryHead =>
  ({ type: "file", executable: false, size: 0, path: Buffer.from(path as Buffer), ...rest }) as TreeEntryHead;
const root = entry("", { type: "directory" });
const directory = (path: string): TreeEntryHead => entry(path, { type: "directory" });
const symlink = (target: string): TreeEntryHead =>
  entry("l", { type: "symlink", target: Buffer.from(target) });

describe("what is not one tree in NAR order is refused", () => {
  test.each<[string, TreeEntryHead[], RegExp]>([
    ["no entry", [], /without any entry/],
    ["no root", [entry("a")], /no root before it/],
    ["a root twice", [root, entry("a"), root], /a root twice/],
    ["something below a file", [entry(""), entry("a")], /a parent that is no directory/],
    ["something below a file inside", [root, entry("a"), entry("a/b")], /a parent that is no directory/],
    ["a directory left before", [root, directory("a"), entry("b"), entry("a/c")], /was left before/],
    ["a parent that never came", [root, entry("a/b")], /a parent that is no directory/],
    ["a longer sibling's child", [root, directory("a"), entry("ab/c")], /a parent that is no directory/],
    ["names out of order", [root, entry("b"), entry("a")], /out of order/],
    ["a parent after its child's sibling", [root, directory("b"), entry("b/x"), entry("a")], /out of order/],
    ["whole paths in order, components not", [root, entry("a-b"), directory("a")], /out of order/],
    ["a name twice", [root, entry("a"), entry("a")], /occurs twice/],
    ["a file that is a directory too", [root, directory("a"), entry("a/b"), entry("a")], /occurs twice/],
    ["a dot", [root, entry(".")], /the name '\.'/],
    ["two dots", [root, directory("a"), entry("a/..")], /the name '\.\.'/],
    ["an absolute name", [root, entry("/a")], /with a slash/],
    ["a slash at the end", [root, directory("a"), entry("a/")], /an empty name/],
    ["two slashes", [root, directory("a"), entry("a//b")], /a parent that is no directory/],
    ["a NUL byte", [root, entry("a\0b")], /with a NUL byte/],
    ["a name of 256 bytes", [root, entry("n".repeat(256))], /more than 255 bytes/],
    ["an empty target", [root, symlink("")], /an empty target/],
    ["a target with NUL", [root, symlink("a\0")], /a target with a NUL byte/],
    ["a target of 4096 bytes", [root, symlink("t".repeat(4096))], /more than 4095 bytes/],
    ["a negative size", [root, entry("a", { size: -1 })], /a size that is not a number/],
    ["a size beyond all", [root, entry("a", { size: 2 ** 53 })], /a size that is not a number/],
    ["half a byte", [root, entry("a", { size: 0.5 })], /a size that is not a number/],
    ["contents that do not come", [root, entry("a", { size: 1 })], /fewer bytes/],
    ["contents cut short", [root, entry("a", { size: 1 }), entry("b")], /fewer bytes/],
  ])("%s", (_, entries, message) => {
    const hasher = new NarHasher();
    const run = (): void => {
      for (const each of entries) hasher.begin(each);
      hasher.finish();
    };
    expect(run).toThrow(expect.objectContaining({ name: "NixError", code: "tree-invalid" }));
    expect(() => {
      const again = new NarHasher();
      for (const each of entries) again.begin(each);
      again.finish();
    }).toThrow(message);
  });

  test.each<[string, TreeEntryHead, number[]]>([
    ["more than the size", entry("", { size: 3 }), [2, 2]],
    ["more than the size, at once", entry("", { size: 3 }), [100_000]],
    ["anything in an empty file", entry(""), [1]],
    ["contents of a directory", root, [1]],
  ])("%s", (_, first, lengths) => {
    const hasher = new NarHasher();
    hasher.begin(first);
    expect(() => lengths.forEach((length) => hasher.contents(Buffer.alloc(length)))).toThrow(
      expect.objectContaining({ code: "tree-invalid" }),
    );
  });
});
