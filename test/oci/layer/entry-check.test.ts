import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layerSize, writeLayer, type LayerEntry } from "@stowage/oci";
import { campaignSize } from "../../support/campaign.ts";
import { directoryEntry, fileEntry, symlinkEntry } from "../../support/memory-image.ts";
import { collect } from "../../support/layer-bytes.ts";

const unrepresentable = expect.objectContaining({ name: "OciError", code: "entry-unrepresentable" });

function expectRefused(entries: readonly LayerEntry[]): void {
  expect(() => layerSize(entries)).toThrow(unrepresentable);
  expect(() => collect(writeLayer(entries))).toThrow(unrepresentable);
}

describe("names that would leave the root or mean something else", () => {
  test.each(["", "/", "relative", "//", "/a//b", "/a/", "/./a", "/a/.", "/..", "/a/../b", "/a\0b"])(
    "%j",
    (name) => {
      expectRefused([directoryEntry(name)]);
    },
  );

  test.each([".wh.file", ".wh..wh..opq", ".wh.", "dir/.wh.x/inner"])("a whiteout: %s", (name) => {
    const entry = fileEntry(`/nix/store/p/${name}`, "");
    expectRefused([entry]);
    expect(() => layerSize([entry])).toThrow(expect.objectContaining({ path: `/nix/store/p/${name}` }));
  });

  test("names that only look like those are written", () => {
    const names = ["/...", "/.w", "/.wh", "/.whx", "/..a", "/a.wh.b", "/.a"];
    expect(layerSize(names.map((name) => fileEntry(name, "")))).toBe(10_240);
  });

  test("longer than any path can be", () => {
    expectRefused([fileEntry(`/${"n".repeat(70_000)}`, "")]);
    expectRefused([symlinkEntry("/link", "t".repeat(70_000))]);
    const nearly = [fileEntry(`/${"n".repeat(65_000)}`, ""), symlinkEntry("/link", "t".repeat(65_000))];
    expect(collect(writeLayer(nearly))).toHaveLength(layerSize(nearly));
  });
});

describe("metadata that no header can hold", () => {
  test.each<[string, LayerEntry]>([
    ["a mode with the kind of file in it", directoryEntry("/d", 0o040_755)],
    ["a negative mode", directoryEntry("/d", -1)],
    ["half an owner", { ...directoryEntry("/d"), uid: 0.5 }],
    ["a negative owner", { ...directoryEntry("/d"), gid: -1 }],
    ["no size", { type: "file", name: Buffer.from("/f"), mode: 0, size: Number.NaN, chunks: () => [] }],
    ["an empty target", symlinkEntry("/l", "")],
    ["a target with a NUL", symlinkEntry("/l", "a\0b")],
  ])("%s", (_, entry) => expectRefused([entry]));
});

describe("each entry once, and below a directory", () => {
  test.each<[string, readonly LayerEntry[]]>([
    ["twice in a row", [fileEntry("/a", ""), fileEntry("/a", "")]],
    ["twice as a directory", [directoryEntry("/a"), fileEntry("/a/x", ""), directoryEntry("/a")]],
    [
      "again after others that sort before it",
      [fileEntry("/b", ""), fileEntry("/c", ""), fileEntry("/a", ""), fileEntry("/c", "")],
    ],
    ["deep inside", [fileEntry("/a/b/c", ""), fileEntry("/a/b/d", ""), fileEntry("/a/b/c", "")]],
    [
      "a directory that came without an entry, and then with one",
      [fileEntry("/a/x", ""), directoryEntry("/a")],
    ],
    ["below a file", [fileEntry("/a", ""), fileEntry("/a/x", "")]],
    ["below a symlink, which leads anywhere", [symlinkEntry("/a", "/etc"), fileEntry("/a/passwd", "")]],
    ["in a directory that was left", [fileEntry("/a/x", ""), fileEntry("/b", ""), fileEntry("/a/y", "")]],
  ])("%s", (_, entries) => expectRefused(entries));

  test("siblings in any order, and names that begin alike", () => {
    const names = [
      "/nix/store/b",
      "/nix/store/a",
      "/nix/store/a-b",
      "/nix/store/ab",
      "/nix/store/aa/x",
      "/nix.x",
    ];
    expect(layerSize(names.map((name) => fileEntry(name, "")))).toBe(10_240);
  });

  test("a name is refused exactly when it was there before", () => {
    const name = fc.array(fc.constantFrom(97, 98, 255, 195), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 12 }), (names) => {
        const entries = names.map((bytes) => fileEntry(Buffer.from([0x2f, ...bytes]), ""));
        const distinct = new Set(names.map((bytes) => bytes.join())).size === names.length;
        if (distinct) expect(layerSize(entries)).toBeGreaterThan(0);
        else expect(() => layerSize(entries)).toThrow(unrepresentable);
      }),
      { numRuns: campaignSize({ ci: 500, long: 20_000 }) },
    );
  });
});

test.each([3, 5, 0])("contents of %s bytes where metadata say 4", (bytes) => {
  const chunks = (): Buffer[] => [Buffer.alloc(bytes)];
  const entry: LayerEntry = { type: "file", name: Buffer.from("/f"), mode: 0o644, size: 4, chunks };
  expect(() => collect(writeLayer([entry]))).toThrow(
    expect.objectContaining({ code: "layer-inconsistent", path: "/f" }),
  );
});
