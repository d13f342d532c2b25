import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { narChunks, NarParser, NixError, parseNar, type NarEvent } from "@stowage/nix";
import { campaignSize, seededRandom } from "../../support/campaign.ts";
import { collect } from "../../support/layer-bytes.ts";
import { directoryNode, entryOf, nar, number, word, words } from "../../support/nar-words.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { below, file, folder, link, someBytes, treeEntries, type Tree } from "../../support/trees.ts";

/** A number below another. */
type Below = (limit: number) => number;

/** The longest string with its length and padding: nothing more may ever be kept back. */
const MOST_HELD = 8 + 4096 + 8;

const trees: readonly Tree[] = [
  file("contents"),
  file("#!/bin/sh\n", true),
  file(""),
  link("/nix/store/elsewhere"),
  folder(),
  folder(["a", file("1")], ["b", folder(["c", file("2", true)], ["d", link("e")])], ["f", folder()]),
  folder(...Array.from({ length: 12 }, (_, n) => [`file-${n}`, file(someBytes(n * 7))] as const)),
  below(
    Array.from({ length: 62 }, () => "d"),
    folder(["e", file("deep")]),
  ),
  folder(["n".repeat(255), link("t".repeat(4095))], ["o", file(someBytes(3000))]),
];
const seeds = trees.map((tree) => collect(narChunks(treeEntries(tree))));

/** Strings that mean something in a NAR, or to whoever reads its names. */
const dictionary = [
  "nix-archive-1",
  "(",
  ")",
  "type",
  "regular",
  "executable",
  "contents",
  "symlink",
  "target",
  "directory",
  "entry",
  "name",
  "node",
  "",
  ".",
  "..",
  "/",
  "a/b",
  "../../etc",
  "a\0",
  "\0",
  "n".repeat(256),
  "t".repeat(4096),
].map((text) => word(text));
const sizes = [0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 4095, 4096, 2 ** 31, 2 ** 32, 2 ** 53];
const numbers = [...sizes.map((size) => number(size)), number(2n ** 63n), number(2n ** 64n - 1n)];

const pick = <T>(random: Below, values: readonly T[]): T => values[random(values.length)] as T;
/** A place in a NAR, most often at the start of a word. */
const place = (random: Below, bytes: Buffer): number =>
  random(4) === 0 ? random(bytes.length + 1) : 8 * random(Math.floor(bytes.length / 8) + 1);
const splice = (bytes: Buffer, from: number, to: number, middle: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)]);

const mutations: readonly ((bytes: Buffer, random: Below) => Buffer)[] = [
  function flipABit(bytes, random) {
    const at = random(bytes.length);
    return splice(bytes, at, at + 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random(8))]));
  },
  function setAByte(bytes, random) {
    const at = random(bytes.length);
    return splice(bytes, at, at + 1, Buffer.from([random(256)]));
  },
  function cutOff(bytes, random) {
    return bytes.subarray(0, place(random, bytes));
  },
  function leaveOut(bytes, random) {
    const at = place(random, bytes);
    return splice(bytes, at, at + pick(random, [1, 8, 16, 24, 40, 8 * random(20)]), Buffer.alloc(0));
  },
  function repeat(bytes, random) {
    const at = place(random, bytes);
    return splice(bytes, at, at, bytes.subarray(at, at + 8 * (1 + random(20))));
  },
  function putAWord(bytes, random) {
    const at = place(random, bytes);
    return splice(bytes, at, at + pick(random, [0, 16, 24]), pick(random, dictionary));
  },
  function putANumber(bytes, random) {
    const at = place(random, bytes);
    return splice(bytes, at, at + 8, pick(random, numbers));
  },
  function putAPartOfAnother(bytes, random) {
    const other = pick(random, seeds);
    const from = place(random, other);
    const at = place(random, bytes);
    return splice(bytes, at, at + 8 * random(10), other.subarray(from, from + 8 * random(40)));
  },
  function swapWords(bytes, random) {
    const [at, length] = [place(random, bytes), pick(random, [16, 24])];
    return splice(
      bytes,
      at,
      at + 2 * length,
      Buffer.concat([bytes.subarray(at + length, at + 2 * length), bytes.subarray(at, at + length)]),
    );
  },
];

function mutate(random: Below): Buffer {
  let bytes = pick(random, seeds);
  for (let left = 1 + (random(2) === 0 ? 0 : random(4)); left > 0 && bytes.length > 0; left--)
    bytes = pick(random, mutations)(bytes, random);
  return bytes;
}

/** Parses bytes cut at random places, and checks what must hold on the way. */
function parse(bytes: Buffer, random: Below): NixError | undefined {
  const parser = new NarParser();
  const largest = pick(random, [1, 8, 100, 5000]);
  let contents = 0;
  let events = 0;
  const see = (event: NarEvent): void => {
    events++;
    if (event.type === "contents") contents += event.chunk.length;
    else if (event.path.toString("latin1").split("/").length > 63) throw new Error("too deep");
  };
  try {
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(1 + random(largest), bytes.length - at);
      parser.push(bytes.subarray(at, at + length));
      for (let event = parser.next(); event !== undefined; event = parser.next()) see(event);
      if (parser.heldBytes > MOST_HELD) throw new Error(`${parser.heldBytes} bytes are kept back`);
      at += length;
    }
    parser.finish();
    return undefined;
  } catch (error) {
    if (error instanceof NixError) return error;
    throw error;
  } finally {
    // Every event has bytes of its own: no input makes many out of few.
    expect(events).toBeLessThanOrEqual(bytes.length);
    expect(contents).toBeLessThanOrEqual(bytes.length);
  }
}

/** A campaign's mutations with their verdicts. */
function* campaign(seed: number, count: number): Generator<{ bytes: Buffer; error: NixError | undefined }> {
  const next = seededRandom(seed);
  const random: Below = (limit) => Math.floor(next() * limit);
  for (let left = count; left > 0; left--) {
    const bytes = mutate(random);
    yield { bytes, error: parse(bytes, random) };
  }
}

test("a mutated NAR is refused at a place, or is the NAR of the tree it holds", { timeout: 600_000 }, () => {
  const messages = new Set<string>();
  let accepted = 0;
  const count = campaignSize({ ci: 20_000, long: 300_000 });
  for (const { bytes, error } of campaign(1, count)) {
    if (error === undefined) {
      accepted++;
      if (!collect(narChunks(parseNar([bytes]))).equals(bytes))
        throw new Error("another NAR for the same tree");
    } else {
      if (error.code !== "nar-invalid") throw error;
      const { position = -1 } = error;
      if (position < 0 || position > bytes.length) throw new Error(`no place: ${error.message}`);
      messages.add(error.message.replace(/, at byte.*/, "").replace(/'.*' where/, "… where"));
      // The verdict is the same in one piece.
      expect(() => [...parseNar([bytes])]).toThrow(error.message);
    }
  }
  // The campaign reaches everything: some mutants live, and all kinds of wrong are found.
  expect(accepted).toBeGreaterThan(count / 50);
  expect(accepted).toBeLessThan(count / 2);
  expect(messages.size).toBeGreaterThan(40);
});

describe.skipIf(!requirePrograms("nix-store"))("what is accepted, Nix accepts", () => {
  test("and restores to what serialises to the same bytes", () => {
    const accepted = Array.from(campaign(2, campaignSize({ ci: 10_000, long: 100_000 })))
      .filter(({ error }) => error === undefined)
      .map(({ bytes }) => bytes.subarray(word("nix-archive-1").length));
    expect(accepted.length).toBeGreaterThan(200);
    // All in one directory, so that Nix is started once; what lies 63 deep already must not lie deeper.
    const shallow = accepted.filter((node) =>
      [...parseNar([nar(node)])].every(({ path }) => !path.includes("d/d/d/d")),
    );
    const entries = shallow.map((node, index) => entryOf(String(index).padStart(6, "0"), node));
    const bytes = nar(directoryNode(...entries));
    expect([...parseNar([bytes])].length).toBeGreaterThan(shallow.length);
    const restored = join(temporaryFolder(), "restored");
    const options = { env: nixEnvironment, maxBuffer: 2 * bytes.length + 1024 };
    execFileSync("nix-store", ["--restore", restored], { ...options, input: bytes });
    expect(execFileSync("nix-store", ["--dump", restored], options).equals(words(bytes))).toBe(true);
  });
});
