import fc from "fast-check";
import { expect, test } from "vitest";
import { measureWaste, type FileRecord } from "@stowage/oci/internal";
import { campaignSize } from "../../support/campaign.ts";

const file = (path: string, size = 10, content = path): FileRecord => ({ path, type: "file", size, content });
const directory = (path: string): FileRecord => ({ path, type: "directory", size: 0, content: "" });
const whiteout = (path: string): FileRecord => ({ path, type: "file", size: 0, content: "" });

const hiddenOf = (...layers: FileRecord[][]): string[] =>
  measureWaste(layers).hidden.map(
    ({ record, layer, by, reason }) => `${record.path} ${layer} ${reason} ${by}`,
  );

test("a file that another overwrites, once for each time", () => {
  expect(hiddenOf([file("a")], [file("b")], [file("a")], [file("a")])).toEqual([
    "a 0 overwritten 2",
    "a 2 overwritten 3",
  ]);
});

test("whiteouts delete a file, a whole directory, all in an opaque one; what the same layer has stays", () => {
  const below = [directory("d"), file("d/a"), file("d/b"), file("e")];
  expect(hiddenOf(below, [whiteout(".wh.e")])).toEqual(["e 0 deleted 1"]);
  expect(hiddenOf(below, [whiteout(".wh.d")])).toEqual(["d/a 0 deleted 1", "d/b 0 deleted 1"]);
  expect(hiddenOf(below, [file("d/c"), whiteout("d/.wh..wh..opq")])).toEqual([
    "d/a 0 deleted 1",
    "d/b 0 deleted 1",
  ]);
});

test("a directory in a file's place and a file in a directory's", () => {
  expect(hiddenOf([file("a")], [directory("a"), file("a/b")])).toEqual(["a 0 overwritten 1"]);
  expect(hiddenOf([directory("a"), file("a/b"), file("a/c/d")], [file("a")])).toEqual([
    "a/b 0 overwritten 1",
    "a/c/d 0 overwritten 1",
  ]);
  expect(hiddenOf([directory("a"), file("a/b")], [directory("a")])).toEqual([]);
});

test("sizes: what is seen, hidden and there again", () => {
  const waste = measureWaste([
    [file("a", 100), file("same", 30, "s")],
    [file("a", 50), file("copy", 30, "s")],
  ]);
  expect(waste).toMatchObject({ contentSize: 210, visibleSize: 110, hiddenSize: 100, repeatedSize: 30 });
  expect(waste.efficiency).toBeCloseTo(110 / 210);
  expect(waste.repeated).toEqual([
    {
      size: 30,
      wasted: 30,
      places: [
        { record: file("same", 30, "s"), layer: 0 },
        { record: file("copy", 30, "s"), layer: 1 },
      ],
    },
  ]);
  expect(measureWaste([]).efficiency).toBe(1);
  // A copy that is hidden is hidden, not repeated.
  expect(measureWaste([[file("x", 9, "s"), file("y", 9, "s")], [whiteout(".wh.x")]]).repeatedSize).toBe(0);
});

test("names with thousands of parts, and too many of them, end well", () => {
  const deep = Array.from({ length: 30_000 }, () => "d").join("/");
  expect(hiddenOf([file(deep)], [whiteout(".wh.d")])).toEqual([`${deep} 0 deleted 1`]);
  const wide = Array.from({ length: 60 }, (_, index) => file(`${index}/${deep}`));
  expect(() => measureWaste([wide])).toThrow(expect.objectContaining({ code: "tar-too-large" }) as Error);
});

/** The layers laid one over another on a flat list, by the words of the specification. */
function naively(layers: readonly (readonly FileRecord[])[]): string[] {
  let files = new Map<string, { record: FileRecord; layer: number }>();
  const isBelow = (path: string, top: string): boolean => top === "" || path.startsWith(`${top}/`);
  for (const [layer, records] of layers.entries()) {
    const keep = (isGone: (path: string) => boolean): void => {
      files = new Map([...files].filter(([path, held]) => held.layer === layer || !isGone(path)));
    };
    for (const { path } of records) {
      const at = path.lastIndexOf("/") + 1;
      const [parent, name] = [path.slice(0, Math.max(0, at - 1)), path.slice(at)];
      if (name === ".wh..wh..opq") keep((each) => isBelow(each, parent));
      else if (name.startsWith(".wh.")) {
        const top = path.slice(0, at) + name.slice(4);
        keep((each) => each === top || isBelow(each, top));
      }
    }
    for (const record of records) {
      const { path, type } = record;
      if (path.slice(path.lastIndexOf("/") + 1).startsWith(".wh.")) continue;
      for (const each of files.keys())
        if (each === path || (type !== "directory" && isBelow(each, path))) files.delete(each);
      if (type !== "directory") files.set(path, { record, layer });
    }
  }
  return [...files].map(([path, { layer }]) => `${path} ${layer}`).toSorted();
}

test("random layers hide what the specification says", () => {
  const name = fc.constantFrom("a", "b", "c");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const record = fc.oneof(
    path.map((each) => file(each, 1, "c")),
    path.map(directory),
    path.map((each) => whiteout(each.replace(/[^/]+$/, ".wh.$&"))),
    path.map((each) => whiteout(each.replace(/[^/]+$/, ".wh..wh..opq"))),
  );
  /** As layers are: parents are directories of the same layer, each name once, whiteouts first. */
  const layer = fc.array(record, { maxLength: 6 }).map((records) => {
    const byPath = new Map<string, FileRecord>();
    for (const each of records) {
      const parts = each.path.split("/").slice(0, -1);
      for (const index of parts.keys()) {
        const parent = parts.slice(0, index + 1).join("/");
        byPath.set(parent, directory(parent));
      }
      if (byPath.get(each.path)?.type !== "directory") byPath.set(each.path, each);
    }
    const isWhiteout = ({ path: each }: FileRecord): number => (/(^|\/)\.wh\./.test(each) ? 0 : 1);
    return [...byPath.values()].toSorted((a, b) => isWhiteout(a) - isWhiteout(b));
  });
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
      const { hidden, visibleSize, contentSize } = measureWaste(layers);
      const all = layers.flatMap((records, at) =>
        records.filter(({ size }) => size > 0).map(({ path: each }) => `${each} ${at}`),
      );
      const gone = new Set(hidden.map(({ record: { path: each }, layer: at }) => `${each} ${at}`));
      expect(all.filter((each) => !gone.has(each)).toSorted()).toEqual(naively(layers));
      expect({ visibleSize, contentSize }).toEqual({
        visibleSize: all.length - gone.size,
        contentSize: all.length,
      });
    }),
    { seed: 9, numRuns: campaignSize({ ci: 1000, long: 30_000 }) },
  );
});
