import { availableParallelism } from "node:os";
import type { DiskLocation, PathInfo, StorePath } from "@stowage/nix";
import { BlockPool, layerSize, parseCompression, writeLayer, type LayerEntry } from "@stowage/oci";
import { LayerCompression, measureEntries } from "@stowage/oci/internal";
import { measureOnDisk, type OnDiskSizes } from "./analyze/on-disk.ts";
import { packageOf } from "./analyze/package-of.ts";
import { Breather } from "./breather.ts";
import { storeEntries, type StoreTree } from "./build/layer/store-entries.ts";
import { loadClosure, type ClosureSource, type LoadedClosure } from "./load-closure.ts";
import { OpenAhead } from "./open-ahead.ts";

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
  /** Blocks of the disk; missing where the tree, or one of several, lies in a binary cache. */
  readonly onDiskSize?: number;
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
 * read once, for the compression; those in a binary cache are fetched for that, a few at a time.
 * @throws what {@link loadClosure} throws, and {@link Store.openTrees}; CoreError `not-found` for a path whose files are not here
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciliation> {
  const codec = parseCompression(options.compression ?? "zstd");
  const loaded = await loadClosure(options);
  const { graph, locate } = loaded;
  loaded.requireHere(graph.infos.map(({ path }) => path));
  const onDisk = await measureHere(
    graph.infos.map(({ path }) => locate(path)),
    options,
  );
  const trees = await measureTrees(loaded, codec, options);
  const paths = graph.infos.map((info, index): ReconciledPath => {
    const { entries, headers, contents, padding, compressedSize } = trees[index] as MeasuredTree;
    const { name, version } = packageOf(info);
    const onDiskSize = onDisk.sizes[index];
    return {
      path: info.path,
      name,
      version,
      narSize: info.narSize,
      contentSize: contents,
      tarSize: headers + contents + padding,
      headerSize: headers,
      paddingSize: padding,
      ...(onDiskSize === undefined ? {} : { onDiskSize }),
      ...(compressedSize === undefined ? {} : { compressedSize }),
      entries,
    };
  });
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
      ...(onDisk.total === undefined ? {} : { onDiskSize: onDisk.total }),
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

/** Of trees that are not on this machine's disk nothing, and of all together nothing then. */
async function measureHere(
  locations: readonly (DiskLocation | undefined)[],
  { signal }: ReconcileOptions,
): Promise<{ readonly sizes: readonly (number | undefined)[]; readonly total: number | undefined }> {
  const here = locations.filter((location) => location !== undefined);
  const { sizes, total }: OnDiskSizes = await measureOnDisk(here, { signal });
  let next = 0;
  return {
    sizes: locations.map((location) => (location === undefined ? undefined : sizes[next++])),
    total: here.length === locations.length ? total : undefined,
  };
}

interface MeasuredTree extends ReturnType<typeof measureEntries> {
  readonly compressedSize?: number;
}

async function measureTrees(
  { graph, open }: LoadedClosure,
  codec: ReturnType<typeof parseCompression>,
  { signal, onProgress }: ReconcileOptions,
): Promise<MeasuredTree[]> {
  const { storeDir, infos } = graph;
  const measured: ReturnType<typeof measureEntries>[] = [];
  const total = infos.reduce((sum, { narSize }) => sum + narSize, 0);
  let received = 0;
  const tell = (read: number): void =>
    onProgress?.({ phase: "read", read, total, ...(received === 0 ? {} : { received }) });
  const onBytes = (bytes: number): void => void (received += bytes);
  await using opened = new OpenAhead(
    infos.map(({ path }) => path),
    (path, ending) =>
      open([path], { signal: signal === undefined ? ending : AbortSignal.any([signal, ending]), onBytes }),
  );
  const measure = async (index: number): Promise<StoreTree> => {
    const { path, narHash } = infos[index] as PathInfo;
    const tree = { path, narHash, location: await opened.locate(index) };
    measured[index] = measureEntries(ownEntries(storeDir, tree));
    return tree;
  };
  const breather = new Breather(signal);
  if (codec === undefined) {
    for (const index of infos.keys()) {
      await measure(index);
      await opened.close(index);
      await breather.breathe();
    }
    return measured;
  }

  let before = 0;
  const layers = infos.map(
    ({ narSize }, index) =>
      async function* (): AsyncGenerator<Uint8Array> {
        const tree = await measure(index);
        let read = 0;
        for (const chunk of writeLayer(storeEntries({ storeDir, trees: [tree] }))) {
          await breather.breathe();
          read += chunk.length;
          tell(before + Math.min(read, narSize));
          yield chunk;
        }
        before += narSize;
        await opened.close(index);
      },
  );
  await using pool = new BlockPool(codec, availableParallelism());
  await using compression = new LayerCompression(layers, pool, signal);
  const compressed: MeasuredTree[] = [];
  for (const index of infos.keys()) {
    let compressedSize = 0;
    for await (const chunk of compression.nextLayer()) compressedSize += chunk.length;
    compressed.push({ ...(measured[index] as MeasuredTree), compressedSize });
  }
  return compressed;
}
