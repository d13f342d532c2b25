import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildGraph, type ClosureGraph } from "@stowage/core";
import { makeClosure } from "@stowage/nix";
import { pathInfoOf, storePathOf } from "../../support/graphs.ts";
import { Random } from "./random.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Levels of references between the base and the application. */
const LEVELS = 9;

interface Made {
  readonly name: string;
  readonly references: number[];
  readonly narSize: number;
}

/**
 * A closure shaped like those of applications from nixpkgs: a C library below nearly everything and a few small base
 * libraries, then libraries level over level, popular ones referred to far more often; the application on top, in a
 * few paths of its own. Sizes have a heavy tail: most paths are small, few are huge.
 */
export function generateGraph(count: number, seed: number): ClosureGraph {
  const random = new Random(seed);
  const base = Math.max(3, Math.round(count * 0.015));
  const own = Math.max(1, Math.min(6, Math.round(count * 0.03)));
  const paths: (Made & { readonly level: number })[] = [];
  for (let index = 0; index < count - own - 1; index++) {
    const level = index < base ? 0 : 1 + Math.floor((LEVELS * (index - base)) / (count - own - 1 - base));
    const references = new Set<number>();
    if (index > 0) references.add(0);
    const below = paths.filter((made) => made.level < level || (made.level === 0 && level === 0)).length;
    const degree = level === 0 ? 0 : 1 + Math.floor(-Math.log(1 - random.next()) * 4);
    for (let tries = below === 0 ? 0 : degree; tries > 0; tries--) {
      references.add(Math.floor(below * random.next() ** 1.8));
    }
    // Most libraries are for something that is not far above them.
    if (level > 1 && random.happens(0.7)) references.add(random.below(below));
    const version = `${1 + random.below(4)}.${random.below(30)}`;
    const name = index === 0 ? `libc-${version}` : `package${index}-${version}`;
    paths.push({ name, level, references: [...references], narSize: sizeOf(random, index) });
  }
  return withApplication(paths, own, random);
}

/**
 * The closure of an application that is made of Debian packages, each as a path: sizes and dependencies are real ones,
 * with what would lead round in a circle left out, as Nix has none. The file has a line for each package, those that
 * others depend on first: its name and version, its size in KiB, and the numbers of the lines it depends on.
 */
function debianGraph(file: string, parts: number): ClosureGraph {
  const text = readFileSync(join(import.meta.dirname, file), "utf8");
  const paths = text
    .trimEnd()
    .split("\n")
    .map((line): Made => {
      const [name = "", size, ...references] = line.split(" ");
      return { name, references: references.map(Number), narSize: Number(size) * KIB };
    });
  return withApplication(paths, parts, new Random(1));
}

/** ImageMagick below an application: 68 paths, 121 MiB. */
export function debian68(): ClosureGraph {
  return debianGraph("imagemagick.txt", 6);
}

/** Compilers, GNU Radio and a database below an application: 521 paths, 2.9 GiB. */
export function debian521(): ClosureGraph {
  return debianGraph("workbench.txt", 5);
}

/** Puts an application on top of libraries: a small root, and parts that refer to all that nothing else does. */
function withApplication(paths: readonly Made[], own: number, random: Random): ClosureGraph {
  const referenced = new Set(paths.flatMap(({ references }) => references));
  const free = paths.map((_, index) => index).filter((index) => !referenced.has(index));
  const parts = Array.from({ length: own }, (_, part) => {
    const references = free.filter((_, place) => place % own === part);
    references.push(random.below(paths.length), 0);
    return {
      name: `app-part${part}-1.0`,
      references,
      narSize: Math.floor(200 * KIB * random.next() + 2 * KIB),
    };
  });
  const all = [...paths, ...parts];
  const root = {
    name: "app-1.0",
    references: [...parts.keys()].map((part) => paths.length + part),
    narSize: 9 * KIB,
  };
  const infos = [...all, root].map(({ name, references, narSize }) =>
    pathInfoOf(
      name,
      [...new Set(references)].map((reference) => (all[reference] as Made).name),
      narSize,
    ),
  );
  return buildGraph(makeClosure("/nix/store", [storePathOf(root.name)], infos));
}

/** Log-normal: half of all paths have less than 150 KiB, one in a hundred more than 30 MiB. */
function sizeOf(random: Random, index: number): number {
  if (index === 0) return 30 * MIB;
  return Math.min(600 * MIB, Math.max(400, Math.floor(150 * KIB * Math.exp(2.35 * random.normal()))));
}
