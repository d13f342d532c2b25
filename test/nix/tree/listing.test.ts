import { appendFileSync, chmodSync, closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { narChunks, readTree, type TreeLocation } from "@stowage/nix";
import { ListingWriter, readListedTree } from "@stowage/nix/internal";
import { collect } from "../../support/layer-bytes.ts";
import { nastyTrees } from "../../support/nasty-trees.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTree } from "../../support/trees.ts";

function list(location: TreeLocation): Uint8Array {
  const listing = new ListingWriter();
  for (const entry of readTree(location)) listing.add(entry);
  return listing.finish();
}

describe("a tree that was listed", { timeout: 120_000 }, () => {
  test.each(Object.entries(nastyTrees))("is read as from its directories: %s", (_name, tree) => {
    const directory = join(temporaryFolder(), "tree");
    writeTree(Buffer.from(directory), tree);
    const listing = list({ directory });
    const again = collect(narChunks(readListedTree({ directory }, listing)));
    expect(again.equals(collect(narChunks(readTree({ directory }))))).toBe(true);
  });

  test.each([
    ["grew", (file: string) => appendFileSync(file, "more")],
    ["shrank", (file: string) => writeFileSync(file, "")],
  ])("and whose file %s meanwhile is an error", (what, change) => {
    const directory = join(temporaryFolder(), "tree");
    writeFileSync(directory, "contents");
    chmodSync(directory, 0o644);
    const listing = list({ directory });
    change(directory);
    expect(() => collect(narChunks(readListedTree({ directory }, listing)))).toThrow(
      expect.objectContaining({ code: "path-corrupted", message: expect.stringContaining(what) }),
    );
  });
});

test("a file that changes while it is read, and keeps its size, is an error", () => {
  const directory = join(temporaryFolder(), "tree");
  writeFileSync(directory, Buffer.alloc(3 << 20));
  const [file] = readTree({ directory });
  if (file?.type !== "file") throw new Error("it is no file");
  const chunks = file.chunks()[Symbol.iterator]();
  expect(chunks.next().value).toHaveLength(1 << 20);
  const fd = openSync(directory, "r+");
  writeSync(fd, "other", 2 << 20);
  closeSync(fd);
  expect(() => {
    while (chunks.next().done !== true);
  }).toThrow(
    expect.objectContaining({ code: "path-corrupted", message: expect.stringContaining("changed") }),
  );
});
