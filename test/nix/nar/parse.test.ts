import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  measureTree,
  narChunks,
  NarHasher,
  NarParser,
  NixError,
  parseNar,
  parseNarStream,
} from "@stowage/nix";
import { collect } from "../../support/layer-bytes.ts";
import {
  directoryNode,
  entryOf,
  fileNode,
  linkNode,
  nar,
  number,
  word,
  words,
} from "../../support/nar-words.ts";
import { nastyTrees } from "../../support/nasty-trees.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { nixIsOlderThan } from "../../support/nix-version.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { cut, file, folder, link, treeEntries, type Tree } from "../../support/trees.ts";

/** Entries with their contents as one text each. */
function listing(
  entries: Iterable<Parameters<typeof measureTree>[0] extends Iterable<infer E> ? E : never>,
): unknown[] {
  return Array.from(entries, (entry) =>
    entry.type === "file" ? { ...entry, chunks: collect(entry.chunks()).toString("latin1") } : entry,
  );
}

async function* arriving(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield chunk;
  }
}

/** The error that a NAR's bytes end in, however they are cut. */
function errorOf(bytes: Buffer, size = Infinity): NixError {
  try {
    for (const entry of parseNar(cut(bytes, size))) if (entry.type === "file") collect(entry.chunks());
  } catch (error) {
    if (error instanceof NixError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a NAR is read back as the tree it was made from", () => {
  test.each(Object.entries(nastyTrees))("%s", (_, tree) => {
    const bytes = collect(narChunks(treeEntries(tree)));
    const expected = listing(treeEntries(tree));
    for (const size of [7, 512, 65_536, bytes.length]) {
      expect(listing(parseNar(cut(bytes, size)))).toEqual(expected);
    }
  });

  const anyName = fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((bytes) =>
      Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f || byte === 0x2e ? 0x78 : byte))),
    );
  const { tree: anyTree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc
        .tuple(fc.uint8Array({ maxLength: 100 }), fc.boolean())
        .map(([bytes, run]) => file(Buffer.from(bytes), run)),
      anyName.map((target) => link(target)),
      fc
        .uniqueArray(fc.tuple(anyName, tie("tree")), {
          maxLength: 5,
          selector: ([key]) => key.toString("latin1"),
        })
        .map((children) => folder(...children)),
    ),
  }));

  test("random trees, cut anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(anyTree, fc.integer({ min: 1, max: 70 }), async (tree, size) => {
        const bytes = collect(narChunks(treeEntries(tree)));
        expect(listing(parseNar(cut(bytes, size)))).toEqual(listing(treeEntries(tree)));
        expect(collect(narChunks(parseNar(cut(bytes, size)))).equals(bytes)).toBe(true);
        const streamed: unknown[] = [];
        for await (const entry of parseNarStream(arriving(cut(bytes, size)))) {
          if (entry.type !== "file") {
            streamed.push(entry);
            continue;
          }
          let contents = "";
          for await (const chunk of entry.chunks()) contents += Buffer.from(chunk).toString("latin1");
          streamed.push({ ...entry, chunks: contents });
        }
        expect(streamed).toEqual(listing(treeEntries(tree)));
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  test("a size of more than 32 bits is a size", () => {
    const parser = new NarParser();
    parser.push(nar("(", "type", "regular", "contents", number(2 ** 33 + 5)));
    expect(parser.next()).toEqual({
      type: "file",
      path: Buffer.alloc(0),
      executable: false,
      size: 2 ** 33 + 5,
    });
    const zeros = Buffer.alloc(1 << 20);
    let events = 0;
    for (let left = 2 ** 33 + 5; left > 0; left -= zeros.length) {
      parser.push(left < zeros.length ? Buffer.alloc(left) : zeros);
      for (let event = parser.next(); event !== undefined; event = parser.next()) events++;
      expect(parser.heldBytes).toBe(0);
    }
    parser.push(words(Buffer.alloc(3), ")"));
    expect(parser.next()).toBeUndefined();
    parser.finish();
    expect(events).toBe(2 ** 13 + 1);
  });
});

describe("what nobody reads is passed over", () => {
  const bytes = nar(
    directoryNode(
      entryOf("a", fileNode("x".repeat(1000))),
      entryOf("b", fileNode("y")),
      entryOf("c", linkNode("t")),
    ),
  );
  const paths = ["", "a", "b", "c"];

  test("contents that are not asked for, or only in part", async () => {
    expect(Array.from(parseNar(cut(bytes, 64)), (entry) => entry.path.toString())).toEqual(paths);
    const inPart = [];
    for (const entry of parseNar(cut(bytes, 64))) {
      inPart.push(entry.path.toString());
      if (entry.type === "file") for (const chunk of entry.chunks()) if (chunk.length > 0) break;
    }
    expect(inPart).toEqual(paths);
    const streamed = [];
    for await (const entry of parseNarStream(arriving(cut(bytes, 64)))) streamed.push(entry.path.toString());
    expect(streamed).toEqual(paths);
  });

  test("but not out of turn, or twice", async () => {
    const entries = [...parseNar([bytes])];
    const [, first] = entries;
    if (first?.type !== "file") throw new Error("no file");
    expect(() => collect(first.chunks())).toThrow(/before the next entry/);
    for (const entry of parseNar([bytes])) {
      if (entry.type !== "file") continue;
      collect(entry.chunks());
      expect(() => collect(entry.chunks())).toThrow(/only once/);
    }
  });

  test("and the source is closed where reading stops", async () => {
    let closed = 0;
    const source = function* (): Generator<Uint8Array> {
      try {
        yield* cut(bytes, 64);
      } finally {
        closed++;
      }
    };
    for (const entry of parseNar(source())) if (entry.path.length > 0) break;
    expect(closed).toBe(1);
    for await (const entry of parseNarStream(arriving(source()))) if (entry.path.length > 0) break;
    expect(closed).toBe(2);
    const wrong = (): unknown => [...parseNar(source().map(() => Buffer.from("not a NAR at all")))];
    expect(wrong).toThrow(NixError);
    expect(closed).toBe(3);
  });

  test("and a signal ends it", async () => {
    const controller = new AbortController();
    const reading = (async () => {
      for await (const entry of parseNarStream(arriving(cut(bytes, 64)), { signal: controller.signal }))
        if (entry.path.length > 0) controller.abort(new Error("enough"));
    })();
    await expect(reading).rejects.toThrow("enough");
  });
});

test("a parser's events feed a hasher as they are", () => {
  const bytes = nar(directoryNode(entryOf("a", fileNode("contents")), entryOf("l", linkNode("a"))));
  const [parser, hasher] = [new NarParser(), new NarHasher()];
  for (const chunk of cut(bytes, 5)) {
    parser.push(chunk);
    for (let event = parser.next(); event !== undefined; event = parser.next()) {
      if (event.type === "contents") hasher.contents(event.chunk);
      else hasher.begin(event);
    }
  }
  parser.finish();
  expect(hasher.finish()).toEqual(measureTree(parseNar([bytes])));
});

/** What is no NAR: what may stand there, and what may not. `lax`: Nix 2.8 takes it, the rules of 2.34 forbid it. */
type Refused = readonly [right: Buffer, wrong: Buffer, message: RegExp, lax?: "lax"];

const file1 = fileNode("1");
const start = nar("(", "type");
const inFile = words(start, "regular");
const inLink = words(start, "symlink");
const inFolder = words(start, "directory");
const inEntry = words(inFolder, "entry", "(");
const atName = words(inEntry, "name");
const name = (value: string | Buffer): Buffer => words(word(value), "node", file1, ")", ")");
/** A NAR of so many nodes, each in the one before. */
const nested = (nodes: number): Buffer => {
  let node = file1;
  for (let count = 1; count < nodes; count++) node = directoryNode(entryOf("d", node));
  return nar(node);
};
const afterNames = (first: string): Buffer => words(inFolder, entryOf(first, file1), "entry", "(", "name");
const nothing = Buffer.alloc(0);

const refused: Record<string, Refused> = {
  nothing: [nothing, nothing, /ends early, where the magic/],
  "another magic": [nothing, words("nix-archive-2", file1), /'nix-archive-2' where 'nix-archive-1'/],
  "a huge first string": [nothing, number(2n ** 63n), /a string of more than 32 bytes/],
  "something else": [nothing, Buffer.from("\u001f\u008b0123456789abcdef", "latin1"), /more than 32 bytes/],
  "no node": [nar(), nothing, /ends early, where the node/],
  "a node that is not opened": [nar(), words("type"), /'type' where '\(' should come/],
  "a type left out": [nar("("), words("regular"), /'regular' where 'type'/],
  "an unknown type": [start, words("fifo"), /'fifo' where 'regular', 'symlink' or 'directory'/],
  "a type with control characters": [start, words("\u001b[31m"), /'\\x1b\[31m'/],
  "a type twice": [inFile, words("type", "regular", "contents", "", ")"), /'type' where 'executable' or/],
  "a file without contents": [inFile, words(")"), /'\)' where 'executable' or 'contents'/, "lax"],
  "an executable without contents": [
    words(inFile, "executable", ""),
    words(")"),
    /'\)' where 'contents'/,
    "lax",
  ],
  "an executable mark with a value": [
    words(inFile, "executable"),
    words("1", "contents", "", ")"),
    /'1' where ''/,
  ],
  "an executable mark twice": [
    words(inFile, "executable", ""),
    words("executable", "", "contents", "", ")"),
    /'executable' where 'contents'/,
    "lax",
  ],
  "an executable mark after the contents": [
    words(inFile, "contents", ""),
    words("executable", "", ")"),
    /'executable' where '\)'/,
    "lax",
  ],
  "contents twice": [
    words(inFile, "contents", ""),
    words("contents", "", ")"),
    /'contents' where '\)'/,
    "lax",
  ],
  "a target in a file": [inFile, words("target", "x", ")"), /'target' where/],
  "contents in a symlink": [inLink, words("contents", "x", ")"), /'contents' where 'target'/],
  "a symlink without target": [inLink, words(")"), /'\)' where 'target'/, "lax"],
  "a target twice": [words(inLink, "target", "x"), words("target", "y", ")"), /'target' where '\)'/],
  "an empty target": [words(inLink, "target"), words("", ")"), /an empty target/],
  "a target with NUL": [words(inLink, "target"), words("a\0b", ")"), /a target with a NUL byte/, "lax"],
  "a target of 4096 bytes": [words(inLink, "target"), words("t".repeat(4096), ")"), /more than 4095 bytes/],
  "a target of 2^62 bytes": [words(inLink, "target"), number(2n ** 62n), /more than 4095 bytes/],
  "an empty name": [atName, name(""), /an empty name/],
  "the name .": [atName, name("."), /the name '\.'/],
  "the name ..": [atName, name(".."), /the name '\.\.'/],
  "a name with a slash": [atName, name("a/b"), /a name with a slash/],
  "an absolute name": [atName, name("/etc"), /a name with a slash/],
  "a name with NUL": [atName, name("a\0b"), /a name with a NUL byte/],
  "a name of 256 bytes": [atName, name("n".repeat(256)), /more than 255 bytes/],
  "a name twice": [afterNames("a"), name("a"), /occurs twice/],
  // Nix 2.8 forgets the name before at each entry.
  "names out of order": [afterNames("b"), name("a"), /out of order/, "lax"],
  "names in order as numbers only": [afterNames("9"), name("10"), /out of order/, "lax"],
  "names in order as signed bytes only": [
    words(
      inFolder,
      words("entry", "(", "name", word(Buffer.from([0xff])), "node", file1, ")"),
      "entry",
      "(",
      "name",
    ),
    name("a"),
    /out of order/,
    "lax",
  ],
  "an entry without a name": [inEntry, words("node", file1, ")", ")"), /'node' where 'name'/],
  "an entry without a node": [words(atName, "a"), words(")", ")"), /'\)' where 'node'/, "lax"],
  "an entry's node before its name": [
    inEntry,
    words("node", file1, "name", "a", ")", ")"),
    /'node' where 'name'/,
  ],
  "an entry with two nodes": [
    words(atName, "a", "node", file1),
    words("node", file1, ")", ")"),
    /'node' where '\)'/,
  ],
  "entries in a file": [inFile, words(entryOf("a", file1), ")"), /'entry' where 'executable' or 'contents'/],
  "contents in a directory": [inFolder, words("contents", "x", ")"), /'contents' where 'entry' or '\)'/],
  "65 nodes one in another": [
    // Up to the word that announces the 65th.
    nested(65).subarray(
      0,
      nested(65).indexOf(word("regular")) - word("node").length - words("(", "type").length,
    ),
    nested(65).subarray(
      nested(65).indexOf(word("regular")) - word("node").length - words("(", "type").length,
    ),
    /more than 64 nodes/,
    "lax",
  ],
  "padding of a word": [
    words(nar(), number(1), Buffer.from("(")),
    words(Buffer.alloc(7, 1), "type", "regular", "contents", "", ")"),
    /padding that is not zero/,
  ],
  "padding of a name": [
    words(atName, number(1), Buffer.from("a")),
    words(Buffer.alloc(7, 0xff), "node", file1, ")", ")"),
    /padding that is not zero/,
  ],
  "padding of contents": [
    words(inFile, "contents", number(3), Buffer.from("abc")),
    words(Buffer.alloc(5, 1), ")"),
    /padding that is not zero/,
  ],
  "the last byte of padding": [
    words(inFile, "contents", number(1), Buffer.from("a\0\0\0\0\0\0")),
    words(Buffer.alloc(1, 1), ")"),
    /padding that is not zero/,
  ],
  "contents that end early": [
    words(inFile, "contents", number(1000), Buffer.alloc(8)),
    nothing,
    /where the bytes/,
  ],
  "contents of 2^64 - 1 bytes": [words(inFile, "contents"), number(2n ** 64n - 1n), /a size beyond/],
  "contents of 2^53 bytes": [words(inFile, "contents"), number(2n ** 53n), /a size beyond/],
  "contents longer than they say": [
    words(inFile, "contents", number(3), Buffer.from("abc")),
    words(Buffer.from("defghi"), Buffer.alloc(7), ")"),
    /padding that is not zero/,
  ],
  "a node that is not closed": [words(inFile, "contents", "1"), nothing, /where the end of node/],
  "a directory that is not closed": [
    words(inFolder, entryOf("a", file1)),
    nothing,
    /where the entry or end of/,
  ],
  "an entry that is not closed": [words(atName, "a", "node", file1), nothing, /where the end of entry/],
  "bytes after the end": [nar(file1), Buffer.from("x"), /bytes after its end/, "lax"],
  "zeros after the end": [nar(file1), Buffer.alloc(8), /bytes after its end/, "lax"],
  "a second NAR after the end": [nar(file1), nar(file1), /bytes after its end/, "lax"],
};

describe("what is no NAR is refused at its byte, however it is cut", () => {
  test.each(Object.entries(refused))("%s", (_, [right, wrong, message]) => {
    for (const size of [Infinity, 1, 3, 8, 13, 4096]) {
      const error = errorOf(words(right, wrong), size);
      expect(error).toMatchObject({ code: "nar-invalid", position: right.length });
      expect(error.message).toMatch(message);
    }
  });

  test("at every place where it can be cut off", () => {
    const entries = [
      entryOf("a", fileNode("contents")),
      entryOf("b", directoryNode()),
      entryOf("c", linkNode("a")),
    ];
    const whole = nar(directoryNode(...entries));
    for (let length = 0; length < whole.length; length++)
      expect(errorOf(whole.subarray(0, length))).toMatchObject({ code: "nar-invalid", position: length });
  });

  test("and what is just within the bounds is taken", () => {
    expect([...parseNar([nested(64)])]).toHaveLength(64);
    expect([...parseNar([words(atName, name("n".repeat(255)))])]).toHaveLength(2);
    expect([...parseNar([nar(linkNode("t".repeat(4095)))])]).toHaveLength(1);
    expect([...parseNar([words(afterNames("a"), name("a\u0001"))])]).toHaveLength(3);
  });
});

describe.skipIf(!requirePrograms("nix-store"))("nix-store --restore refuses it too", () => {
  const restore = (bytes: Buffer): boolean => {
    const place = join(temporaryFolder(), "restored");
    return spawnSync("nix-store", ["--restore", place], { input: bytes, env: nixEnvironment }).status === 0;
  };
  const isLax = nixIsOlderThan("2.20");

  test.each(Object.entries(refused))("%s", (_, [right, wrong, , lax]) => {
    const bytes = words(right, wrong);
    if (lax === undefined) expect(restore(bytes)).toBe(false);
    // Nix 2.8 fills gaps in by itself, takes words in any order and stops reading at the end of the node.
    else if (isLax) expect(restore(bytes)).toBe(true);
  });
});
