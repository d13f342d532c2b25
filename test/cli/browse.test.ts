// oxlint-disable no-control-regex -- what a terminal is sent is what this is about
import { treeRows, type ClosureGraph } from "@stowage/core";
import { parseNarHash, type StorePath } from "@stowage/nix";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { browseClosure } from "../../packages/cli/src/browse/browsed-closure.ts";
import { keyName } from "../../packages/cli/src/browse/key-name.ts";
import { pressKey } from "../../packages/cli/src/browse/press-key.ts";
import { renderScreen } from "../../packages/cli/src/browse/render-screen.ts";
import { resized, startState, type BrowseState } from "../../packages/cli/src/browse/state.ts";
import { chainOf, depthOf } from "../../packages/cli/src/browse/tree-rows.ts";
import { clip, displayWidth, fill } from "../../packages/cli/src/render/display-width.ts";
import { makeStyle } from "../../packages/cli/src/render/style.ts";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { graphOf } from "../support/graphs.ts";
import { drawings, graphOfDrawing } from "../support/random-graphs.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const plain = makeStyle("never", {}, {});
const coloured = makeStyle("always", {}, {});

const diamond = graphOf(
  { app: ["left", "right"], left: ["libc"], right: ["libc", "data"], libc: [], data: [] },
  { app: 10, left: 2000, right: 3000, libc: 30_000, data: 50 },
);

const start = (graph: ClosureGraph, size = { columns: 80, rows: 24 }): BrowseState =>
  startState(browseClosure(graph), "added", size);
const press = (state: BrowseState, ...keys: string[]): BrowseState => keys.reduce(pressKey, state);
const outline = ({ rows, closure }: BrowseState): string[] =>
  rows.map(({ place }) => `${"  ".repeat(depthOf(place))}${closure.names[place.position]}`);
const chosen = ({ rows, cursor, closure }: BrowseState): string =>
  chainOf(rows[cursor.at]?.place ?? fail())
    .map((position) => closure.names[position])
    .join("/");
const fail = (): never => {
  throw new Error("no row is chosen");
};

describe("keys", () => {
  test("open, go on, close, go up", () => {
    const opened = press(start(diamond), "right", "right", "right");
    expect(outline(opened)).toEqual(["app", "  right", "    libc", "    data", "  left"]);
    expect(chosen(opened)).toBe("app/right/libc");
    expect(press(opened, "right").message).toBe("it refers to nothing else");
    expect(outline(press(opened, "left", "left"))).toEqual(["app", "  right", "  left"]);
    expect(chosen(press(opened, "left", "left", "left"))).toBe("app");
    expect(outline(press(opened, "left", "left", "left", "left"))).toEqual(["app"]);
  });

  test("sorting keeps the chosen row, and what is open", () => {
    const byClosure = press(start(diamond), "down", "return", "down", "s", "s", "s");
    expect(byClosure.sorting).toBe("name");
    expect(outline(byClosure)).toEqual(["app", "  left", "  right", "    data", "    libc"]);
    expect(chosen(byClosure)).toBe("app/right/libc");
  });

  test("search finds in any case, goes there, n and N go on, b goes back", () => {
    const typed = press(start(diamond), "/", "L", "x", "backspace", "I", "b");
    expect(typed.overlay).toMatchObject({ kind: "search", text: "LIb" });
    const there = press(typed, "return");
    expect(chosen(there)).toMatch(/^app\/(left|right)\/libc$/);
    expect(chosen(press(there, "b"))).toBe("app");
    const many = press(start(diamond), "/", "t", "return");
    expect(chosen(many)).toBe("app/right");
    expect([1, 2, 3].map((times) => chosen(press(many, ...Array<string>(times).fill("n"))))).toEqual([
      "app/left",
      "app/right/data",
      "app/right",
    ]);
    expect(chosen(press(many, "N"))).toBe("app/right/data");
    expect(press(start(diamond), "n").message).toMatch(/nothing was searched for/);
    expect(press(start(diamond), "/", "z", "return").overlay).toBeUndefined();
    expect(press(start(diamond), "/", "backspace").overlay).toBeUndefined();
  });

  test("why shows each chain, referrers each referrer, and Enter goes there", () => {
    const libc = press(start(diamond), "/", "l", "i", "b", "return");
    const why = press(libc, "w");
    expect(why.overlay).toMatchObject({ kind: "why", chains: 2, complete: true });
    expect(renderScreen(why, plain)[0]).toBe("2 chains to libc, the shortest first");
    expect(chosen(press(why, "end", "return"))).not.toBe(
      chosen(press(why, "home", "down", "down", "return")),
    );
    const referrers = press(libc, "r");
    expect(renderScreen(referrers, plain)[0]).toBe("2 paths refer to libc");
    expect(chosen(press(referrers, "down", "return"))).toBe("app/left");
    expect(press(start(diamond), "r").message).toMatch(/nothing refers to it/);
  });

  test("q leaves, from the help only the help", () => {
    expect(press(start(diamond), "?", "q")).toMatchObject({ isDone: false, overlay: undefined });
    expect(press(start(diamond), "q").isDone).toBe(true);
    // What is typed into a search is text.
    expect(press(start(diamond), "/", "q").isDone).toBe(false);
  });

  test("a key is its character or its name", () => {
    expect(keyName({ sequence: "\u001b", name: "escape", meta: true })).toBe("escape");
    expect(keyName({ sequence: "\u001bb", name: "b", meta: true })).toBe("meta-b");
    expect(keyName({ sequence: "\u0003", name: "c", ctrl: true })).toBe("ctrl-c");
    expect(keyName({ sequence: "G", name: "g" })).toBe("G");
    expect(keyName({ sequence: "\u001b[A", name: "up" })).toBe("up");
    expect(keyName({ sequence: "日" })).toBe("日");
    expect(keyName({ sequence: "\u0090" })).toBe("");
  });
});

test("* opens what ls --tree shows", () => {
  fc.assert(
    fc.property(drawings({ cyclic: true }), (drawing) => {
      const all = graphOfDrawing(drawing);
      const graph = { ...all, roots: all.roots.slice(0, 1) };
      const whole = press(start(graph), "*");
      const ranks = whole.closure.ranks.added;
      const compare = (a: number, b: number): number => (ranks[a] as number) - (ranks[b] as number);
      const expected = [...treeRows(graph, { compare })];
      expect(whole.rows.map(({ place }) => [graph.infos[place.position]?.path, depthOf(place)])).toEqual(
        expected.map(({ path, depth }) => [path, depth]),
      );
    }),
    { numRuns: 50 },
  );
});

const anyKey = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("up", "down", "right", "left", "return", "end", "home", "pagedown", "pageup"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("*", "/", "w", "r", "s", "S", "b", "n", "N", "?", "escape", "k", "a"),
  },
  { weight: 1, arbitrary: fc.constantFrom("日", "e\u0301", "👩‍👩‍👧", "\u202e", "toString", "__proto__", "") },
);
const anySize = fc.record({
  columns: fc.integer({ min: 1, max: 130 }),
  rows: fc.integer({ min: 1, max: 40 }),
});

test("whatever is pressed and however large the screen is, it is filled and not run over", () => {
  const step = fc.oneof({ weight: 5, arbitrary: anyKey }, { weight: 1, arbitrary: anySize });
  fc.assert(
    fc.property(
      drawings({ cyclic: true }),
      anySize,
      fc.array(step, { maxLength: 40 }),
      (drawing, size, steps) => {
        let state = start(graphOfDrawing(drawing), size);
        for (const each of steps) {
          state = typeof each === "string" ? pressKey(state, each) : resized(state, each);
          const lines = renderScreen(state, plain);
          expect(lines.length).toBeLessThanOrEqual(state.size.rows);
          for (const line of lines) {
            expect(displayWidth(line)).toBeLessThanOrEqual(state.size.columns);
            expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
          }
          if (state.overlay === undefined && state.size.columns > 2)
            expect(lines.filter((line) => line.startsWith("> "))).toHaveLength(1);
          const stripped = renderScreen(state, coloured).map((line) => line.replaceAll(/\u001b\[\d+m/g, ""));
          expect(stripped).toEqual(lines);
          // Each row's referrer stands above it, open, and names it.
          for (const { place } of state.rows) {
            if (place.parent === undefined) continue;
            const above = state.rows.find((row) => row.place === place.parent);
            expect(above?.isOpen).toBe(true);
            expect(state.closure.graph.references[place.parent.position]).toContain(place.position);
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("names that no store would give stay harmless", () => {
  const evil =
    "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-evil\u001b]0;owned\u0007\u009b31m\r\n\u202e日本" as StorePath;
  const narHash = parseNarHash("0".repeat(64));
  const graph: ClosureGraph = {
    ...diamond,
    infos: [{ path: evil, narHash, narSize: 1, references: [] }],
    roots: [0],
    references: [[]],
    referrers: [[]],
    selfReference: [false],
  };
  const shown = renderScreen(start(graph, { columns: 72, rows: 12 }), plain);
  expect(shown.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(shown[2]).toContain(String.raw`evil\u001b]0;owned\u00`);
  for (const line of shown) expect(displayWidth(line)).toBeLessThanOrEqual(72);
});

test("columns of wide, combined and plain characters", () => {
  const cases: [string, number][] = [
    ["abc", 3],
    ["日本語", 6],
    ["e\u0301", 1],
    ["👩‍👩‍👧", 2],
    ["\u200b", 0],
    ["─│", 2],
    ["", 0],
  ];
  for (const [text, width] of cases) expect([text, displayWidth(text)]).toEqual([text, width]);
  expect(clip("日本語", 4)).toBe("日…");
  expect(clip("abc", 3)).toBe("abc");
  expect(clip("abc", 0)).toBe("");
  expect(fill("日", 4, "right")).toBe("  日");
});

test("without a terminal it says so, and what to do instead", async () => {
  const file = writeClosure(temporaryFolder(), "closure.txt", registrationOf({ app: [] }));
  const { exitCode, stdout, stderr } = await stowage(["browse", "--graph", file]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toBe(
    "stowage: browse needs a terminal, for its keys (stdin) and for what it shows (stdout)\n  In a pipe or a script, stowage ls --tree prints the same tree.",
  );
});
