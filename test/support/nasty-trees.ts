import { seededRandom } from "./campaign.ts";
import { below, file, folder, link, someBytes, type Tree } from "./trees.ts";

const every = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** All bytes that a name may hold. */
const nameBytes = every(1, 255).filter((byte) => byte !== 0x2f);

/** Random bytes that a name may hold, the same each time. */
function randomBytes(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(
    Array.from({ length }, () => nameBytes[Math.floor(random() * nameBytes.length)] as number),
  );
}

const mebibyte = 1 << 20;

/** Contents of sizes at which readers and writers cut: tar blocks and records, buffers, whole mebibytes. */
const boundaries = [
  0,
  1,
  7,
  8,
  9,
  511,
  512,
  513,
  1023,
  1024,
  1025,
  4095,
  4096,
  4097,
  10_239,
  10_240,
  10_241,
  16_383,
  16_384,
  16_385,
  65_535,
  65_536,
  65_537,
  262_143,
  262_144,
  262_145,
  mebibyte - 1,
  mebibyte,
  mebibyte + 1,
  2 * mebibyte,
];

/**
 * Trees of every kind that a store can hold: what a name of a store path's file may be, how long, how deep. Contents
 * are small, so that all can be packed into one image.
 */
export const nastyTrees: Readonly<Record<string, Tree>> = {
  "a-file": file("contents\n"),
  "an-executable": file("#!/bin/sh\n", true),
  "an-empty-file": file(""),
  "a-symlink": link("/nix/store/elsewhere"),
  "a-dangling-symlink": link("nowhere/at/all"),
  "an-empty-directory": folder(),
  "names-of-every-length": folder(
    ...every(1, 255).map((length) => ["n".repeat(length), file(String(length))] as const),
  ),
  "directories-of-every-length": folder(
    ...every(1, 255).map((length) => ["d".repeat(length), folder(["x", link("x")])] as const),
  ),
  // A byte alone is not UTF-8 where it is above 127; `.` alone is no name.
  "names-of-every-byte": folder(
    ...nameBytes
      .filter((byte) => byte !== 0x2e)
      .map((byte) => [Buffer.from([byte]), file(String(byte))] as const),
    ...nameBytes.map((byte) => [Buffer.from([0x61, byte, 0x62]), file(String(byte))] as const),
    [Buffer.from(nameBytes), file("all")],
  ),
  "names-of-255-odd-bytes": folder(
    ["é".repeat(127), file("two bytes each")],
    ["日".repeat(85), folder(["本".repeat(85), file("three bytes each")])],
    ["🐱".repeat(63), link("🐱".repeat(63))],
    [Buffer.alloc(255, 0xff), file("not UTF-8")],
    [Buffer.alloc(255, 0x0a), file("newlines")],
    [Buffer.alloc(255, 0x01), folder()],
  ),
  "names-that-are-not-utf-8": folder(
    [Buffer.from([0x61, 0xff, 0x62]), file("x")],
    [Buffer.from([0xc3, 0x28]), file("a wrong second byte")],
    [Buffer.from([0xe2, 0x82]), file("cut off")],
    [Buffer.from([0xed, 0xa0, 0x80]), file("a surrogate")],
    [Buffer.from([0xc0, 0xaf]), file("a slash, overlong")],
    [Buffer.from([0xf4, 0x90, 0x80, 0x80]), file("beyond Unicode")],
    [Buffer.from([0xc3, 0xa9, 0xff]), folder([Buffer.from([0xfe]), link(Buffer.from([0x80, 0x2f, 0xff]))])],
  ),
  "random-names-and-targets": folder(
    ...every(1, 300).map(
      (n) => [randomBytes(1 + (n % 255), n), n % 2 === 0 ? file("x") : link(randomBytes(n, n))] as const,
    ),
  ),
  "names-that-look-like-something-else": folder(
    ...[
      "-",
      "--",
      "-dash",
      "--help",
      "...",
      "....",
      ".a",
      " ",
      "  ",
      "~",
      "*",
      "?",
      "[a]",
      "$HOME",
      "`x`",
    ].map((name) => [name, file(name)] as const),
    ...["a\\", "\\n", "c:", "con", "a%2fb", "a=b", "quote'\"", "new\nline", "tab\t", "\r", "\u001b[31m"].map(
      (name) => [name, file(name)] as const,
    ),
    ...["wh.", ".w", ".wh", "a.wh.b", ".WH.a", "PaxHeader", "././@LongLink".replaceAll("/", "_")].map(
      (name) => [name, file(name)] as const,
    ),
  ),
  "names-that-differ-in-case": folder(
    ["README", file("upper")],
    ["readme", file("lower")],
    ["ReadMe", folder(["A", file("x")], ["a", file("y")])],
    ["a~nix~case~hack~1", file("what Nix writes where case does not count")],
  ),
  "names-that-differ-in-normalisation": folder(
    ["caf\u00e9", file("NFC")],
    ["cafe\u0301", file("NFD")],
    ["\u212b", file("a sign")],
    ["\u00c5", file("a letter")],
    ["A\u030a", folder(["\u00c5", link("\u212b")])],
  ),
  // Sorted by component, not as whole paths.
  "names-around-a-slash": folder(
    ["a", folder(["b", file("in a")])],
    ["a-b", file("after a's own")],
    ["a.b", file("after a-b")],
    ["a0", file("after a/")],
    ["\ue000", file("a high character")],
    [Buffer.from([0xff]), file("a higher byte")],
  ),
  "a-path-over-3000-bytes": below(
    every(1, 12).map((n) => `${n}`.padEnd(255, "p")),
    folder(["file", file("deep")], ["link", link("../".repeat(12))], ["empty", folder()]),
  ),
  "a-path-over-3000-odd-bytes": below(
    every(1, 12).map((n) => Buffer.concat([Buffer.from(`${n}-é`), Buffer.alloc(248, 0xfe)])),
    file("deep"),
  ),
  "63-levels": below(
    every(1, 63).map((n) => `${n}`),
    file("deepest"),
  ),
  targets: folder(
    ...[1, 99, 100, 101, 155, 156, 255, 256, 1023, 1024, 4094, 4095].map(
      (length) => [`of-${length}-bytes`, link("t".repeat(length))] as const,
    ),
    ["of-4095-odd-bytes", link(Buffer.alloc(4095, 0xff))],
    ["of-4095-bytes-utf-8", link("é".repeat(2047) + "x")],
    ["absolute", link("/etc/passwd")],
    ["dangling", link("does/not/exist")],
    ["itself", link("itself")],
    ["loop-a", link("loop-b")],
    ["loop-b", link("loop-a")],
    ["here", link(".")],
    ["up", link("..")],
    ["far-up", link("../../../../../../../../etc")],
    ["with-slashes", link("//a///b//")],
    ["not-utf-8", link(Buffer.from([0x2f, 0xff, 0xfe]))],
    ["new\nline", link("new\nline")],
    ["all-bytes", link(Buffer.from([...nameBytes, 0x2f]))],
  ),
  "through-a-symlink": folder(
    ["a-real-directory", folder(["file", file("x")])],
    ["b-to-it", link("a-real-directory")],
    ["c-outside", link("/tmp")],
    ["c-outside-2", folder(["file", file("not below the symlink")])],
  ),
  "sizes-at-boundaries": folder(
    ...boundaries.map((size) => [`size-${size}`, file(someBytes(size), size % 2 === 1)] as const),
  ),
  "20000-entries": folder(
    ...every(1, 20_000).map((n) => [`${n}`, n % 3 === 0 ? link("1") : file(`${n % 7}`)] as const),
  ),
};
