import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildGraph, diffClosures, type ClosureGraph } from "@stowage/core";
import { encodeNix32, makeClosure, parseNarHash, parseStorePath, type PathInfo } from "@stowage/nix";
import { busyMachine } from "../../support/busy-machine.ts";

interface Given {
  readonly name: string;
  /** Which build of that name: another number, another hash. */
  readonly build?: number;
  readonly size?: number;
  readonly deriver?: string;
}

const narHash = parseNarHash("0".repeat(64));

function info({ name, build = 0, size = 100, deriver }: Given): PathInfo {
  const hash = encodeNix32(Buffer.alloc(20, build + 1));
  const path = parseStorePath(`/nix/store/${hash}-${name}`);
  return {
    path,
    narHash,
    narSize: size,
    references: [],
    ...(deriver === undefined ? {} : { deriver: `/nix/store/${"0".repeat(32)}-${deriver}.drv` }),
  };
}

function closure(...paths: readonly Given[]): ClosureGraph {
  const infos = paths.map(info);
  return buildGraph(
    makeClosure(
      "/nix/store",
      infos.map(({ path }) => path),
      infos,
    ),
  );
}

/** `kind name old->new delta`, one for each path. */
const lines = (before: ClosureGraph, after: ClosureGraph): string[] =>
  diffClosures(before, after).packages.flatMap(({ name, changes }) =>
    changes.map(
      ({ kind, before: old, after: young, delta }) =>
        `${kind} ${name}${(old ?? young)?.output === "out" ? "" : `.${(old ?? young)?.output}`} ${old?.version ?? ""}->${young?.version ?? ""} ${delta}`,
    ),
  );

describe("packages of two closures", () => {
  test("added, removed, changed, rebuilt, unchanged", () => {
    const before = closure(
      { name: "curl-8.1" },
      { name: "gone-1" },
      { name: "zlib-1.3" },
      { name: "glibc-2.38", size: 900 },
    );
    const after = closure(
      { name: "curl-8.4", size: 130 },
      { name: "new-1", size: 1000 },
      { name: "zlib-1.3", build: 1 },
      { name: "glibc-2.38", size: 900 },
    );
    expect(lines(before, after)).toEqual([
      "added new ->1 1000",
      "removed gone 1-> -100",
      "changed curl 8.1->8.4 30",
      "rebuilt zlib 1.3->1.3 0",
    ]);
    expect(diffClosures(before, after).totals).toEqual({
      before: { paths: 4, narSize: 1200 },
      after: { paths: 4, narSize: 2130 },
      delta: 930,
      unchangedPaths: 1,
      packages: { added: 1, removed: 1, changed: 1, rebuilt: 1 },
    });
  });

  test("several versions: each goes to the one that is most like it", () => {
    const before = closure({ name: "python-2.7.18" }, { name: "python-3.11.4" }, { name: "python-3.9.1" });
    const after = closure({ name: "python-3.11.6" }, { name: "python-3.12.0" });
    expect(lines(before, after).toSorted()).toEqual([
      "changed python 3.11.4->3.11.6 0",
      "changed python 3.9.1->3.12.0 0",
      "removed python 2.7.18-> -100",
    ]);
  });

  test("outputs go to outputs", () => {
    const before = closure(
      { name: "openssl-3.0.7" },
      { name: "openssl-3.0.7-dev" },
      { name: "openssl-3.0.7-bin" },
    );
    const after = closure({ name: "openssl-3.0.8" }, { name: "openssl-3.0.8-dev" });
    expect(lines(before, after).toSorted()).toEqual([
      "changed openssl 3.0.7->3.0.8 0",
      "changed openssl.dev 3.0.7->3.0.8 0",
      "removed openssl.bin 3.0.7-> -100",
    ]);
  });

  test("what one closure's derivers say counts for the other, which has none", () => {
    const before = closure({ name: "frob-1.0-plugin", deriver: "frob-1.0" });
    const after = closure({ name: "frob-1.1-plugin" });
    expect(lines(before, after)).toEqual(["changed frob.plugin 1.0->1.1 0"]);
  });

  test("a package whose version stays and gets a second one is changed, with all its versions", () => {
    const [change] = diffClosures(
      closure({ name: "jq-1.6" }),
      closure({ name: "jq-1.6" }, { name: "jq-1.7" }),
    ).packages;
    expect(change).toMatchObject({ kind: "changed", versionsBefore: ["1.6"], versionsAfter: ["1.6", "1.7"] });
  });

  test("hundreds of unnamed versions of one package stay fast", busyMachine, () => {
    const many = (first: number): Given[] =>
      Array.from({ length: 250 }, (_, index) => ({ name: "source", build: (first + index) % 256 }));
    const started = performance.now();
    diffClosures(closure(...many(0)), closure(...many(3)));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("on random closures", () => {
  const names = fc.constantFrom("a-1", "a-2", "a-1.5", "a-1-dev", "b", "b-2", "c-1");
  const given = fc.uniqueArray(fc.record({ name: names, build: fc.nat(2), size: fc.nat(50) }), {
    selector: ({ name, build }) => `${name} ${build}`,
    maxLength: 10,
  });

  test("every path counts once, and the deltas add up", () => {
    fc.assert(
      fc.property(given, given, (left, right) => {
        // A path has one size wherever it is.
        const sizes = new Map([...left, ...right].map(({ name, build, size }) => [`${name} ${build}`, size]));
        const sized = (paths: typeof left): Given[] =>
          paths.map(({ name, build }) => ({ name, build, size: sizes.get(`${name} ${build}`)! }));
        const [before, after] = [closure(...sized(left)), closure(...sized(right))];
        const { packages, totals } = diffClosures(before, after);
        const changes = packages.flatMap((change) => change.changes);
        const only = (one: ClosureGraph, other: ClosureGraph): string[] =>
          one.infos.map(({ path }) => path).filter((path) => other.positionOf(path as never) === undefined);
        const sides = (side: "before" | "after"): string[] =>
          changes.flatMap((change) => change[side]?.path ?? []).toSorted();
        expect(sides("before")).toEqual(only(before, after));
        expect(sides("after")).toEqual(only(after, before));
        expect(packages.reduce((sum, { delta }) => sum + delta, 0)).toBe(totals.delta);
        expect(totals.delta).toBe(totals.after.narSize - totals.before.narSize);
        // Within a package and output nothing is added while something is removed.
        for (const { name } of packages) {
          for (const output of ["out", "dev"]) {
            const kinds = new Set(
              changes
                .filter(({ before: old, after: young }) => {
                  const copy = (old ?? young)!;
                  return copy.output === output && copy.path.slice(44).startsWith(name);
                })
                .map(({ kind }) => kind),
            );
            expect(kinds.has("added") && kinds.has("removed")).toBe(false);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("turned round, additions are removals", () => {
    fc.assert(
      fc.property(given, given, (left, right) => {
        const [before, after] = [closure(...left), closure(...right)];
        const there = diffClosures(before, after).totals.packages;
        const back = diffClosures(after, before).totals.packages;
        expect(back).toEqual({
          added: there.removed,
          removed: there.added,
          changed: there.changed,
          rebuilt: there.rebuilt,
        });
      }),
      { numRuns: 1000 },
    );
  });
});
