import type { StorePath } from "@stowage/nix";
import { measureOnDisk, type OnDiskSizes } from "./analyze/on-disk.ts";
import { packageOf } from "./analyze/package-of.ts";
import { CoreError } from "./errors.ts";
import { infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { computeSizes, type Sizes } from "./graph/sizes.ts";
import { loadClosure, type ClosureSource, type LoadedClosure } from "./load-closure.ts";

/** What to explain, and how far. */
export interface AnalyzeOptions extends ClosureSource {
  /** Whether the paths are measured on this machine's disk too, which visits every file. */
  readonly onDisk?: boolean | undefined;
}

/** One store path of a closure. Sizes are bytes of NAR unless they say otherwise. */
export interface AnalyzedPath {
  readonly path: StorePath;
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** Only where the store knows the deriver. */
  readonly output?: string;
  readonly narSize: number;
  /** What the closure would lose if this path were not entered. */
  readonly addedSize: number;
  /** The path with everything it needs. */
  readonly closureSize: number;
  /** Bytes of disk, a file with several hard links within the path counted once; only where asked for. */
  readonly onDiskSize?: number;
  readonly isRoot: boolean;
  /** Whether the path refers to itself; `references` and `referrers` leave that out. */
  readonly selfReference: boolean;
  readonly references: readonly StorePath[];
  readonly referrers: readonly StorePath[];
}

/** A closure, explained. */
export interface Analysis {
  readonly storeDir: string;
  readonly roots: readonly StorePath[];
  readonly totals: {
    readonly paths: number;
    readonly narSize: number;
    /** A file that several paths share by hard links counted once. */
    readonly onDiskSize?: number;
  };
  /** In path order. */
  readonly paths: readonly AnalyzedPath[];
}

/**
 * Explains the closure of all targets: what is in it, how large each path is on its own, with all it needs, and alone
 * responsible for.
 *
 * @throws NixError for a target, a store or a text that cannot be read
 * @throws CoreError `not-found`, `option-invalid`
 * @example
 * ```ts
 * const { paths } = await analyze({ targets: ["result"] });
 * const [first] = paths.toSorted((a, b) => b.addedSize - a.addedSize);
 * ```
 */
export async function analyze(options: AnalyzeOptions): Promise<Analysis> {
  const loaded = await loadClosure(options);
  const sizes = computeSizes(loaded.graph);
  const onDisk = options.onDisk === true ? await measureLoaded(loaded, options) : undefined;
  return describeClosure(loaded.graph, sizes, onDisk);
}

/** All sizes and references of a graph, as plain data. */
export function describeClosure(
  graph: ClosureGraph,
  sizes: Sizes = computeSizes(graph),
  onDisk?: OnDiskSizes,
): Analysis {
  const paths = (positions: readonly number[]): StorePath[] =>
    positions.map((position) => infoAt(graph, position).path);
  const isRoot = new Set(graph.roots);
  return {
    storeDir: graph.storeDir,
    roots: paths(graph.roots),
    totals: {
      paths: graph.infos.length,
      narSize: sizes.total,
      ...(onDisk === undefined ? {} : { onDiskSize: onDisk.total }),
    },
    paths: graph.infos.map((info, position) => {
      const { name, version, output } = packageOf(info);
      return {
        path: info.path,
        name,
        version,
        ...(output === undefined ? {} : { output }),
        narSize: info.narSize,
        addedSize: sizes.addedSize[position] as number,
        closureSize: sizes.closureSize[position] as number,
        ...(onDisk === undefined ? {} : { onDiskSize: onDisk.sizes[position] as number }),
        isRoot: isRoot.has(position),
        selfReference: graph.selfReference[position] as boolean,
        references: paths(graph.references[position] as readonly number[]),
        referrers: paths(graph.referrers[position] as readonly number[]),
      };
    }),
  };
}

function measureLoaded({ graph, locate }: LoadedClosure, { signal }: AnalyzeOptions): Promise<OnDiskSizes> {
  const locations = graph.infos.map(({ path }) => {
    const location = locate(path);
    if (location !== undefined) return location;
    throw new CoreError("not-found", `${path} is not on this machine, so its size on disk is not known`, {
      path,
      hint: "Ask without the size on disk, or where the store is.",
    });
  });
  return measureOnDisk(locations, { signal });
}
