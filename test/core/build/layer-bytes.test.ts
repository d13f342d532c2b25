import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layerSize, OciError, writeLayer } from "@stowage/oci";
import { collect, storeLayer } from "../../support/layer-bytes.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const hasPython = requirePrograms("python3");
const writer = join(import.meta.dirname, "python-tar-writer.py");
const store = "/nix/store";
const path = `${store}/00000000000000000000000000000000-tree`;

function bytesOfPython(root: string, paths: readonly string[]): Buffer {
  return execFileSync("python3", [writer, root, ...paths], {
    maxBuffer: 1 << 28,
    env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
  });
}

/** A tree on disk, given as raw relative names with what is there. */
function makeTree(
  root: string,
  entries: readonly (readonly [name: Buffer | string, make: (place: Buffer) => void])[],
): void {
  mkdirSync(`${root}${path}`, { recursive: true });
  for (const [name, make] of entries) {
    const place = Buffer.concat([Buffer.from(`${root}${path}/`), Buffer.from(name as string)]);
    mkdirSync(Buffer.from(dirname(place.toString("latin1")), "latin1"), { recursive: true });
    make(place);
  }
}

const file =
  (contents: string | Buffer, mode = 0o444) =>
  (place: Buffer) => {
    writeFileSync(place, contents);
    chmodSync(place, mode);
  };
const directory = () => (place: Buffer) => mkdirSync(place, { recursive: true });
const symlink = (target: string | Buffer) => (place: Buffer) => symlinkSync(target, place);

describe.skipIf(!hasPython)("a layer's bytes equal those of Python's tarfile", () => {
  const prefix = `${path}/`.length;
  const nameOfTotal = (total: number): string => "n".repeat(total - prefix);

  const trees: Record<string, Parameters<typeof makeTree>[1]> = {
    "empty directories and files, executables": [
      ["empty", directory()],
      ["nothing", file("")],
      ["bin/run", file("#!/bin/sh\n", 0o555)],
      ["a", directory()],
      ["a-b", file("x")],
      ["a/b", file("y")],
    ],
    "names around the field's 100 bytes": [98, 99, 100, 101, 102, 155, 156, 200].map(
      (total) => [nameOfTotal(total), file("x")] as const,
    ),
    "directory names around 100 bytes": [98, 99, 100, 101].map(
      (total) => [nameOfTotal(total), directory()] as const,
    ),
    "components of 255 bytes, deep": [
      [`${"d".repeat(255)}/${"e".repeat(255)}/${"f".repeat(255)}`, file("deep")],
    ],
    "targets around 100 bytes and very long": [1, 99, 100, 101, 255, 1000, 4000].map(
      (length) => [`to-${length}`, symlink("t".repeat(length))] as const,
    ),
    "symlinks of every kind": [
      ["absolute", symlink("/nix/store")],
      ["dangling", symlink("nowhere")],
      ["to-directory", symlink(".")],
      ["itself", symlink("itself")],
      ["up", symlink("../../../..")],
      ["outside", symlink("/etc/passwd")],
    ],
    "names that are not ASCII": [
      ["grüße", file("x")],
      ["日本語/ファイル", file("x")],
      ["emoji-🐱", symlink("🐱".repeat(40))],
      ["nfc-\u00e9", file("x")],
      ["nfd-e\u0301", file("x")],
      ["é".repeat(60), file("long and not ASCII")],
    ],
    "names that are not UTF-8": [
      [Buffer.from([0x61, 0xff, 0x62]), file("x")],
      [Buffer.from([0xc3, 0x28]), file("x")],
      [Buffer.from([0xe2, 0x82]), file("cut off")],
      [Buffer.from([0xed, 0xa0, 0x80]), file("a surrogate")],
      [Buffer.from([0xf4, 0x90, 0x80, 0x80]), file("beyond Unicode")],
      [Buffer.concat([Buffer.from("l".repeat(120)), Buffer.from([0xfe])]), directory()],
      ["link", symlink(Buffer.from([0x2f, 0xff, 0xfe]))],
      [Buffer.concat([Buffer.from("é"), Buffer.from([0xff])]), symlink(Buffer.from([0x80]))],
    ],
    "names with odd characters": [
      ["new\nline", file("x")],
      ["tab\tand space ", file("x")],
      ["quote'\"\\", file("x")],
      [Buffer.from([1, 2, 127]), file("x")],
      ["-dash", file("x")],
    ],
    "sizes at block boundaries": [
      0, 1, 511, 512, 513, 1024, 10239, 10240, 10241, 65535, 65536, 65537, 300_000,
    ].map((size) => [`size-${size}`, file(Buffer.alloc(size, size % 251))] as const),
  };

  test.each(Object.entries(trees))("%s", (_, entries) => {
    const root = temporaryFolder();
    makeTree(root, entries);
    expect(collect(writeLayer(storeLayer(root, [path]))).equals(bytesOfPython(root, [path]))).toBe(true);
  });

  test("hard links are written as whole files", () => {
    const root = temporaryFolder();
    makeTree(root, [["one", file("same contents")]]);
    linkSync(`${root}${path}/one`, `${root}${path}/two`);
    expect(collect(writeLayer(storeLayer(root, [path]))).equals(bytesOfPython(root, [path]))).toBe(true);
  });

  test("store paths that are a file, an executable, a symlink; several in the order given", () => {
    const root = temporaryFolder();
    const paths = ["c-file", "a-program", "b-link", "d-empty"].map(
      (name) => `${store}/${"1".repeat(32)}-${name}`,
    );
    mkdirSync(`${root}${store}`, { recursive: true });
    file("contents")(Buffer.from(`${root}${paths[0]}`));
    file("#!/bin/sh\n", 0o555)(Buffer.from(`${root}${paths[1]}`));
    symlink("/nix/store/elsewhere")(Buffer.from(`${root}${paths[2]}`));
    file("")(Buffer.from(`${root}${paths[3]}`));
    expect(collect(writeLayer(storeLayer(root, paths))).equals(bytesOfPython(root, paths))).toBe(true);
  });

  test("random trees of random bytes", () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 130 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte))));
    const entry = fc.tuple(
      name,
      fc.oneof(
        fc.constant(directory()),
        fc.uint8Array({ maxLength: 1500 }).map((bytes) => file(Buffer.from(bytes))),
        name.map(symlink),
      ),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { maxLength: 12, selector: ([bytes]) => bytes.toString("latin1") }),
        (entries) => {
          const usable = entries.filter(([bytes]) => !/^(\.\.?|\.wh\..*)$/s.test(bytes.toString("latin1")));
          const root = temporaryFolder();
          makeTree(root, usable);
          expect(collect(writeLayer(storeLayer(root, [path]))).equals(bytesOfPython(root, [path]))).toBe(
            true,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("byte order wins where Python's own order of names that are not UTF-8 differs", () => {
    const root = temporaryFolder();
    // Python orders the invalid byte as U+DCFF, before U+E000; as bytes 0xff comes after 0xee.
    makeTree(root, [
      [Buffer.from([0xff]), file("x")],
      ["\ue000", file("x")],
    ]);
    const bytes = collect(writeLayer(storeLayer(root, [path])));
    expect(bytes.indexOf(Buffer.from("/\ue000"))).toBeLessThan(bytes.indexOf(Buffer.from([0x2f, 0xff])));
    const sortedByPython = execFileSync(
      "python3",
      [
        "-c",
        "import os,sys; sys.stdout.buffer.write(b'|'.join(os.fsencode(n) for n in sorted(os.listdir(sys.argv[1]))))",
        `${root}${path}`,
      ],
      { env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" } },
    );
    expect(sortedByPython[0]).toBe(0xff);
  });
});

describe("a layer's size", () => {
  test("follows from metadata alone", () => {
    const root = temporaryFolder();
    makeTree(root, [
      ["a", file(Buffer.alloc(5000))],
      ["é".repeat(80), symlink("x".repeat(300))],
      ["empty", directory()],
    ]);
    expect(layerSize(storeLayer(root, [path]))).toBe(collect(writeLayer(storeLayer(root, [path]))).length);
  });
});

describe("what a layer cannot hold is refused by name", () => {
  test.each([".wh.hidden", "share/.wh..wh..opq"])("%s", (name) => {
    const root = temporaryFolder();
    makeTree(root, [[name, file("x")]]);
    for (const use of [
      layerSize,
      (entries: Parameters<typeof writeLayer>[0]) => collect(writeLayer(entries)),
    ]) {
      expect(() => use(storeLayer(root, [path]))).toThrow(
        expect.objectContaining({ code: "entry-unrepresentable", path: `${path}/${name}` }),
      );
    }
  });

  const dir = (name: string) => ({ type: "directory" as const, name: Buffer.from(name), mode: 0o755 });
  test.each([
    ["relative", [dir("etc")]],
    ["empty", [dir("")]],
    ["dots", [dir("/a/../b")]],
    ["double slash", [dir("/a//b")]],
    ["slash at the end", [dir("/a/")]],
    ["NUL", [dir("/a\0b")]],
    ["twice in a row", [dir("/a"), dir("/a")]],
    ["twice, as the start of a run", [dir("/b"), dir("/b/c"), dir("/a"), dir("/b")]],
  ])("a name that is %s", (_, entries) => {
    expect(() => layerSize(entries)).toThrow(OciError);
  });

  test.each([3, 5])("contents of %s bytes where metadata say 4", (bytes) => {
    const entry = {
      type: "file" as const,
      name: Buffer.from("/f"),
      mode: 0o644,
      size: 4,
      chunks: () => [Buffer.alloc(bytes)],
    };
    expect(() => collect(writeLayer([entry]))).toThrow(
      expect.objectContaining({ code: "layer-inconsistent" }),
    );
  });
});
