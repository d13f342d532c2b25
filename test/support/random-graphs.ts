import { createHash } from "node:crypto";
import fc from "fast-check";
import { buildGraph, type ClosureGraph } from "@stowage/core";
import { encodeNix32, parseNarHash, parseStorePath, type PathInfo, type StorePath } from "@stowage/nix";

/** A graph as numbers: what the oracles of the tests work on. */
export interface Drawing {
  readonly sizes: readonly number[];
  /** References by position, self-references included. */
  readonly references: readonly (readonly number[])[];
  readonly roots: readonly number[];
  readonly names: readonly string[];
}

const narHash = parseNarHash("0".repeat(64));

/** The path at a position: positions ascend as paths do. */
export function pathAt(position: number, name: string): StorePath {
  const digest = createHash("sha256").update(String(position)).digest().subarray(0, 17);
  const hash = encodeNix32(Buffer.concat([digest, Buffer.from([position & 255, position >> 8, 0])]));
  return parseStorePath(`/nix/store/${hash}-${name}`);
}

export function graphOfDrawing({ sizes, references, roots, names }: Drawing): ClosureGraph {
  const paths = sizes.map((_, position) => pathAt(position, names[position] as string));
  const infos = sizes.map((narSize, position): PathInfo => {
    const targets = (references[position] as readonly number[]).map((target) => paths[target] as StorePath);
    return { path: paths[position] as StorePath, narHash, narSize, references: targets };
  });
  return buildGraph({
    storeDir: "/nix/store",
    roots: roots.map((root) => paths[root] as StorePath),
    paths: infos,
  });
}

interface DrawingOptions {
  readonly maxPaths?: number;
  /** Whether references may lead round in a circle. */
  readonly cyclic?: boolean;
  readonly names?: fc.Arbitrary<string>;
}

/** Graphs of any shape: with self-references, unreached paths, several roots, roots that need each other. */
export function drawings(options: DrawingOptions = {}): fc.Arbitrary<Drawing> {
  const { maxPaths = 10, cyclic = true, names = fc.constant("p") } = options;
  return fc.integer({ min: 1, max: maxPaths }).chain((count) => {
    const position = fc.nat(count - 1);
    const targets = fc.uniqueArray(position, { maxLength: 4 });
    return fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: count, maxLength: count }),
      references: fc
        .tuple(
          fc.array(targets, { minLength: count, maxLength: count }),
          fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
        )
        .map(([drawn, rank]) =>
          drawn.map((chosen, from) =>
            chosen
              .filter((to) => cyclic || to === from || (rank[to] as number) < (rank[from] as number))
              .toSorted((a, b) => a - b),
          ),
        ),
      roots: fc.uniqueArray(position, { minLength: 1, maxLength: 3 }),
      names: fc.array(names, { minLength: count, maxLength: count }),
    });
  });
}

/** What can be reached from the starts when some positions or one reference may not be taken. */
export function reachedWithout(
  { references }: Drawing,
  starts: readonly number[],
  without: { readonly position?: number; readonly edge?: readonly [number, number] } = {},
): Set<number> {
  const reached = new Set<number>();
  const visit = (position: number): void => {
    if (reached.has(position) || position === without.position) return;
    reached.add(position);
    for (const target of references[position] as readonly number[]) {
      if (without.edge?.[0] !== position || without.edge[1] !== target) visit(target);
    }
  };
  for (const start of starts) visit(start);
  return reached;
}

export function sizeOf({ sizes }: Drawing, positions: Iterable<number>): number {
  return [...positions].reduce((sum, position) => sum + (sizes[position] as number), 0);
}

/** All chains that pass nothing twice and end at the first of `to`, by trying everything. */
export function allChainsByTrying(
  { references }: Drawing,
  from: readonly number[],
  to: readonly number[],
): number[][] {
  const chains: number[][] = [];
  const extend = (chain: readonly number[]): void => {
    const last = chain.at(-1) as number;
    if (to.includes(last)) {
      chains.push([...chain]);
      return;
    }
    for (const next of references[last] as readonly number[]) {
      if (!chain.includes(next)) extend([...chain, next]);
    }
  };
  for (const start of new Set(from)) extend([start]);
  return chains.toSorted(
    (a, b) =>
      a.length - b.length ||
      (a.find((value, index) => value !== b[index]) ?? 0) -
        (b.find((value, index) => value !== a[index]) ?? 0),
  );
}
