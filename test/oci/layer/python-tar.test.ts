import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layerSize, writeLayer, type LayerEntry } from "@stowage/oci";
import { campaignSize } from "../../support/campaign.ts";
import { directoryEntry, fileEntry, symlinkEntry } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";

const hasPython = requirePrograms("python3");
const oracle = join(import.meta.dirname, "python-tar-oracle.py");

/** What Python's tarfile says of each line. */
function askPython(lines: readonly unknown[]): string[] {
  const input = lines.map((line) => JSON.stringify(line)).join("\n");
  const options = { input, encoding: "utf8", maxBuffer: 1 << 28 } as const;
  return execFileSync("python3", [oracle], options).trimEnd().split("\n");
}

/** An entry as the oracle reads it. */
function plain(entry: LayerEntry): Record<string, unknown> {
  const { type, mode, uid = 0, gid = 0 } = entry;
  const common = { type, name: entry.name.toString("latin1"), mode, uid, gid };
  if (type === "symlink") return { ...common, target: entry.target.toString("latin1") };
  if (type === "file") return { ...common, data: Buffer.concat([...entry.chunks()]).toString("latin1") };
  return common;
}

function ours(entries: readonly LayerEntry[]): string {
  const hash = createHash("sha256");
  let length = 0;
  for (const chunk of writeLayer(entries)) {
    hash.update(chunk);
    length += chunk.length;
  }
  expect(layerSize(entries)).toBe(length);
  return `${hash.digest("hex")} ${length}`;
}

function expectSame(layers: readonly (readonly LayerEntry[])[]): void {
  const python = askPython(layers.map((layer) => layer.map((entry) => plain(entry))));
  for (const [index, layer] of layers.entries())
    expect(ours(layer), layer.map(({ name }) => name.toString("latin1")).join()).toBe(python[index]);
}

/** A name of exactly so many bytes, in components that a file system takes. */
function nameOf(bytes: number, letter = "n"): string {
  return Array.from({ length: bytes }, (_, at) => (at % 251 === 0 && at < bytes - 1 ? "/" : letter)).join("");
}

const lengths = Array.from({ length: 1100 }, (_, index) => index + 2);

describe.skipIf(!hasPython)("entries are written as Python's tarfile writes them", () => {
  test("names of every length up to 1100 bytes, across each length of a PAX record's number", () => {
    expectSame(lengths.map((bytes) => [fileEntry(nameOf(bytes), "x")]));
    expectSame(lengths.map((bytes) => [directoryEntry(nameOf(bytes))]));
  });

  test("targets of every length up to 1100 bytes, and of the longest that a kernel takes", () => {
    expectSame([...lengths, 4095].map((bytes) => [symlinkEntry("/link", "t".repeat(bytes))]));
  });

  test("non-ASCII names around the field's 100 bytes, where characters and bytes differ", () => {
    const letters = [...["é", "日", "🐱"].map((letter) => Buffer.from(letter)), Buffer.from([0xff])];
    const counts = [1, 24, 25, 26, 33, 34, 49, 50, 51, 99, 100, 101, 120];
    expectSame(
      letters.flatMap((letter) =>
        counts.map((count) => {
          const name = Buffer.alloc(letter.length * count, letter);
          return [
            directoryEntry(Buffer.concat([Buffer.from("/a"), name])),
            symlinkEntry(Buffer.concat([Buffer.from("/b"), name]), name),
          ];
        }),
      ),
    );
  });

  test("owners: root has a name, others have none; numbers beyond seven octal digits", () => {
    const ids = [0, 1, 1000, 65_534, 8 ** 7 - 1, 8 ** 7, 2 ** 32 - 2];
    expectSame(ids.flatMap((uid) => ids.map((gid) => [{ ...directoryEntry("/tmp", 0o1777), uid, gid }])));
  });

  test("contents at the boundaries of blocks and of the writer's own buffers", () => {
    const sizes = [0, 1, 511, 512, 513, 9215, 9216, 9217, 10_239, 10_240, 65_535, 65_536, 65_537];
    const large = [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_000];
    expectSame(
      [...sizes, ...large].map((size) => [
        fileEntry("/a", Buffer.alloc(size, 7)),
        fileEntry("/b", "after it"),
      ]),
    );
  });

  test("random layers of random bytes", () => {
    const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
      fc
        .oneof(
          fc.uint8Array({ minLength: 1, maxLength }),
          fc.string({ unit: "grapheme", minLength: 1, maxLength }),
        )
        .map((value) => Buffer.from(value as string))
        .map((name) => name.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte)))
        .map((name) => Buffer.concat([Buffer.from("n"), name]));
    const name = fc.array(bytes(90), { minLength: 1, maxLength: 3 }).map((parts) => {
      return Buffer.concat(parts.flatMap((part) => [Buffer.from("/"), part]));
    });
    const entry = fc.oneof(
      name.map((at) => directoryEntry(at)),
      fc.tuple(name, bytes(200)).map(([at, target]) => symlinkEntry(at, target)),
      fc
        .tuple(name, fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(0o444, 0o555))
        .map(([at, contents, mode]) => fileEntry(at, Buffer.from(contents), mode)),
    );
    const layer = fc.uniqueArray(entry, { maxLength: 8, selector: ({ name: [, first] }) => first });
    const separate = fc.array(layer, { minLength: 200, maxLength: 200 }).map((layers) =>
      // One entry for each name at the top, so that no entry lies in another.
      layers.map((entries) =>
        entries.map((one, index) => ({ ...one, name: Buffer.concat([Buffer.from(`/${index}`), one.name]) })),
      ),
    );
    fc.assert(
      fc.property(separate, (layers) => expectSame(layers)),
      // Each attempt to shrink a failing case would start Python again.
      { numRuns: campaignSize({ ci: 5, long: 100 }), endOnFailure: true },
    );
  });

  test("headers of sizes up to and beyond eleven octal digits", () => {
    const sizes = [2 ** 20, 8 ** 11 - 1, 8 ** 11, 8 ** 11 + 1, 8 ** 12, 10 ** 12, Number.MAX_SAFE_INTEGER];
    const names = ["/f", `/${"é".repeat(60)}`];
    const entries = sizes.flatMap((size) => names.map((name) => ({ name: Buffer.from(name), size })));
    const python = askPython(
      entries.map(({ name, size }) => ({ type: "file", name: name.toString("latin1"), mode: 0o444, size })),
    );
    const headers = entries.map(({ name, size }) => {
      const chunks = (): Buffer[] => [Buffer.alloc(128 * 1024)];
      // The writer hands on what it has before a large piece of contents: the first chunk is the header.
      const [header] = writeLayer([{ type: "file", name, mode: 0o444, size, chunks }]);
      return Buffer.from(header as Uint8Array).toString("base64");
    });
    expect(headers).toEqual(python);
  });
});
