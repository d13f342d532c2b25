import { availableParallelism } from "node:os";
import type { StorePath, DiskLocation } from "@stowage/nix";
import { BlockPool, layerSize, parseCompression, writeLayer, type LayerEntry } from "@stowage/oci";
import { LayerCompression, measureEntries } from "@stowage/oci/internal";
import { measureOnDisk } from "./analyze/on-disk.ts";
import { packageOf } from "./analyze/package-of.ts";
import { Breather } from "./breather.ts";
import { storeEntries, type StoreTree } from "./build/layer/store-entries.ts";
import { CoreError } from "./errors.ts";
import { loadClosure, type ClosureSource } from "./load-closure.ts";

/** A tar's unit (POSIX.1-2017, pax). */
const BLOCK = 512;

/** Which closure is measured, and how it would be compressed. */
export interface ReconcileOptions extends ClosureSource {
  /** `gzip[:LEVEL]`, `zstd[:LEVEL]`, or `none`, which leaves that size out; default `zstd`. */
  readonly compression?: string | undefined;
}

/** What one tree's bytes are in each of its forms; all bytes. */
export interface SizeParts {
  /** As Nix records it. */
  readonly narSize: number;
  /** Of files' contents: what all forms have in common. */
  readonly contentSize: number;
  /** What it adds to a layer's tar: `contentSize`, `headerSize` and `paddingSize`. */
  readonly tarSize: number;
  /** Of the tar: 512 for each entry, more for long names. */
  readonly headerSize: number;
  /** Of the tar: what fills contents up to multiples of 512. */
  readonly paddingSize: number;
  /** Blocks of the disk. */
  readonly onDiskSize: number;
  /** Of a compressed layer for itself. */
  readonly compressedSize?: number;
  /** Files, directories and symlinks. */
  readonly entries: number;
}

/** One path, with its sizes side by side. */
export interface ReconciledPath extends SizeParts {
  readonly path: StorePath;
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
}

/** The sizes of a closure side by side. */
export interface Reconciliation {
  readonly roots: readonly StorePath[];
  /** In path order. */
  readonly paths: readonly ReconciledPath[];
  /** Sums, but for `onDiskSize`, where a file that several paths share by hard links counts once. */
  readonly totals: SizeParts & {
    /** What a layer's tar has besides its paths, at the most: the store's directories, its end, and what fills up its last record. */
    readonly layerOverhead: number;
    /** `gzip:6`, …; missing where nothing is compressed. */
    readonly compression?: string;
  };
}

/**
 * Measures each path of a closure as NAR, on this machine's disk, in a layer's tar and in a compressed one. The files are
 * read once, for the compression.
 * @throws what {@link loadClosure} throws; CoreError `not-found` for a path whose files are not here
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciliation> {
  const { signal, onProgress } = options;
  const codec = parseCompression(options.compression ?? "zstd");
  const { graph, locate } = await loadClosure(options);
  const trees = graph.infos.map(({ path, narHash }) => ({
    path,
    narHash,
    location: locateTree(path, locate),
  }));
  const onDisk = await measureOnDisk(
    trees.map(({ location }) => location),
    { signal },
  );
  const compressed =
    codec === undefined ? undefined : await compress(graph.storeDir, trees, { codec, signal, onProgress });

  const breather = new Breather(signal);
  const paths: ReconciledPath[] = [];
  for (const [index, { path, narSize }] of graph.infos.entries()) {
    await breather.breathe();
    const { entries, headers, contents, padding } = measureEntries(
      ownEntries(graph.storeDir, trees[index] as StoreTree),
    );
    const { name, version } = packageOf(graph.infos[index] as { readonly path: StorePath });
    const size = compressed?.[index];
    paths.push({
      path,
      name,
      version,
      narSize,
      contentSize: contents,
      tarSize: headers + contents + padding,
      headerSize: headers,
      paddingSize: padding,
      onDiskSize: onDisk.sizes[index] ?? 0,
      ...(size === undefined ? {} : { compressedSize: size }),
      entries,
    });
  }
  const sum = (of: (path: ReconciledPath) => number): number =>
    paths.reduce((all, path) => all + of(path), 0);
  return {
    roots: graph.roots.flatMap((root) => graph.infos[root]?.path ?? []),
    paths,
    totals: {
      narSize: sum(({ narSize }) => narSize),
      contentSize: sum(({ contentSize }) => contentSize),
      tarSize: sum(({ tarSize }) => tarSize),
      headerSize: sum(({ headerSize }) => headerSize),
      paddingSize: sum(({ paddingSize }) => paddingSize),
      onDiskSize: onDisk.total,
      ...(codec === undefined
        ? {}
        : {
            compressedSize: sum(({ compressedSize = 0 }) => compressedSize),
            compression: `${codec.name}:${codec.level}`,
          }),
      entries: sum(({ entries }) => entries),
      layerOverhead: mostOverhead(graph.storeDir),
    },
  };
}

/** The entries of a path alone, without the store's directories that each layer begins with. */
function* ownEntries(storeDir: string, tree: StoreTree): Generator<LayerEntry> {
  const root = Buffer.from(tree.path);
  for (const entry of storeEntries({ storeDir, trees: [tree] }))
    if (entry.name.length >= root.length) yield entry;
}

/** The store's directories, two blocks of end, and a record less the one block that is needed anyway. */
function mostOverhead(storeDir: string): number {
  const { headers } = measureEntries(storeEntries({ storeDir, trees: [] }));
  const record = layerSize([]);
  return headers + 2 * BLOCK + record - BLOCK;
}

async function compress(
  storeDir: string,
  trees: readonly StoreTree[],
  {
    codec,
    signal,
    onProgress,
  }: {
    readonly codec: NonNullable<ReturnType<typeof parseCompression>>;
    readonly signal: AbortSignal | undefined;
    readonly onProgress: ReconcileOptions["onProgress"];
  },
): Promise<number[]> {
  const entriesOf = (tree: StoreTree): Generator<LayerEntry> => storeEntries({ storeDir, trees: [tree] });
  const total =
    onProgress === undefined ? 0 : trees.reduce((sum, tree) => sum + layerSize(entriesOf(tree)), 0);
  let read = 0;
  await using pool = new BlockPool(codec, availableParallelism());
  const breather = new Breather(signal);
  const layers = trees.map(
    (tree) =>
      async function* (): AsyncGenerator<Uint8Array> {
        for (const chunk of writeLayer(entriesOf(tree))) {
          await breather.breathe();
          onProgress?.({ phase: "read", read: (read += chunk.length), total });
          yield chunk;
        }
      },
  );
  await using compression = new LayerCompression(layers, pool, signal);
  const sizes: number[] = [];
  for (const _ of trees) {
    let size = 0;
    for await (const chunk of compression.nextLayer()) size += chunk.length;
    sizes.push(size);
  }
  return sizes;
}

function locateTree(path: StorePath, locate: (path: StorePath) => DiskLocation | undefined): DiskLocation {
  const location = locate(path);
  if (location !== undefined) return location;
  throw new CoreError("not-found", `${path} is not on this machine, so its files cannot be measured`, {
    path,
    hint: "Ask where the store is; ls without --reconcile needs no files.",
  });
}
