import type { StorePath } from "@stowage/nix";
import { digestSink, PLAIN_TAR, type WrittenLayer } from "@stowage/oci";
import { LayerPool } from "./build/layer/layer-pool.ts";
import { readJobs } from "./build/layer/read-jobs.ts";
import { draftStoreLayers } from "./build/layer/store-layers.ts";
import { TreeHolder } from "./build/tree-holder.ts";
import { whileReplaced } from "./build/while-replaced.ts";
import { DigestCache } from "./cache/digest-cache.ts";
import { infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { loadClosure, type ClosureSource, type LoadedClosure } from "./load-closure.ts";
import { describePlan, type PlannedLayer } from "./plan/describe-plan.ts";
import type { EarlierLayer } from "./plan/earlier.ts";
import type { LayeringStrategyName, LayerPlan } from "./plan/layer-plan.ts";
import { layersOutsideBase, outsideBase } from "./plan/outside-base.ts";
import {
  describeClosureOf,
  describeHistory,
  type ClosureDocument,
  type HistoryDocument,
} from "./plan/plan-file.ts";
import { defaultLayerLimit, planLayers } from "./plan/plan-layers.ts";
import { describeBase, readPlanBase, type PlanBase } from "./plan/plan-base.ts";
import { readKnown, type PlanSources } from "./plan/read-known.ts";
import { describeUpgrade, keptLayers, type EarlierLayers, type Upgrade } from "./plan/upgrade.ts";

/** The image's layers that hold no store paths: the last one. */
const OTHER_LAYERS = 1;
/** A tar is filled up to whole blocks of this many bytes; besides the paths it has two directories and an end. */
const TAR_BLOCK = 10_240;
const TAR_FRAME = 2048;

/** The options of the `plan` command, as data. */
export interface PlanRequest extends ClosureSource, PlanSources {
  readonly layering?: LayeringStrategyName | undefined;
  /** Layers of the whole image, 2 to 125; default 100. */
  readonly maxLayers?: number | undefined;
  /** Computes the layers' digests, which reads every file that the digest cache does not know. */
  readonly digests?: boolean | undefined;
  /** Whether each path's NAR hash is recomputed from the bytes that are read for the digests; default true. */
  readonly check?: boolean | undefined;
  /** Worker threads; default the available parallelism, and none where no more than 32 MiB are read. */
  readonly jobs?: number | undefined;
  /** An image that the closure is to be put on, as `pack` takes it: its layers count, and its store paths need none. */
  readonly base?: string | undefined;
}

/** The layers a pack would make. As JSON a plan file, which `--previous` and `--plan` take. */
export interface PlanResult {
  readonly layering: LayerPlan["strategy"];
  /** Layers of the whole image. */
  readonly maxLayers: number;
  /** `tar`: layers were measured; `estimated`: from NAR sizes, the files being elsewhere. */
  readonly sizes: "tar" | "estimated";
  /** What the image is to be put on: layers that count towards the limit, and paths of the closure that need none. */
  readonly base?: PlanBase;
  /** From the bottom up; those of a base, and the image's last layer, which has no store paths, are left out. */
  readonly layers: readonly PlannedLayer[];
  readonly totals: {
    readonly paths: number;
    readonly narSize: number;
    readonly size: number;
    /** What a release is expected to send. */
    readonly expectedBytes: number;
    /** What the paths that a release changes are expected to have: no layers send less. */
    readonly leastExpectedBytes: number;
  };
  /** Only where there was one to learn from. */
  readonly history?: HistoryDocument;
  /** What an upgrade from the previous image sends. */
  readonly upgrade?: Upgrade;
  readonly closure: ClosureDocument;
}

/**
 * Plans the layers of an image, with what each is expected to cost per release.
 *
 * @throws NixError for a target, a store or a text that cannot be read; OciError for an image
 * @throws CoreError `option-invalid`, `plan-invalid`, `not-found`
 * @example
 * ```ts
 * const { layers, upgrade } = await plan({ targets: ["result"], previous: "app-1.0.tar" });
 * console.log(`${upgrade?.sent.size} bytes in ${upgrade?.sent.layers.length} of ${layers.length} layers`);
 * ```
 */
export async function plan(request: PlanRequest): Promise<PlanResult> {
  readJobs(request.jobs);
  return (await planLoaded(await loadClosure(request), request)).result;
}

/** The same for a closure that is loaded already, with the earlier release that `previous` names. */
export async function planLoaded(
  loaded: LoadedClosure,
  request: PlanRequest,
): Promise<{ readonly result: PlanResult; readonly earlier: EarlierLayers | undefined }> {
  const { graph } = loaded;
  const known = await readKnown(request, graph, request);
  await using base = await readPlanBase(request, graph);
  const planned = outsideBase(graph, base?.storePaths);
  const otherLayers = OTHER_LAYERS + (base?.image.layers.length ?? 0);
  const decided = planLayers(planned, {
    ...known,
    strategy: request.layering,
    maxLayers: request.maxLayers,
    otherLayers,
    given: layersOutsideBase(known.given, base?.storePaths),
  });
  const measured = await measureLayers(loaded, decided, request);
  const kept = keptLayers(graph, measured.layers, known.earlier);
  const { layers, leastExpectedBytes } = describePlan(planned, decided, {
    sizes: measured.sizes,
    kept,
    history: known.history,
  });
  const described = withDigests(layers, measured.written);
  const result: PlanResult = {
    layering: decided.strategy,
    maxLayers: request.maxLayers ?? defaultLayerLimit(otherLayers),
    sizes: measured.exact ? "tar" : "estimated",
    ...(base === undefined ? {} : { base: describeBase(base) }),
    layers: described,
    totals: {
      paths: planned.infos.length,
      narSize: sum(layers.map(({ narSize }) => narSize)),
      size: sum(layers.map(({ size }) => size)),
      expectedBytes: sum(layers.map(({ expectedBytes }) => expectedBytes)),
      leastExpectedBytes,
    },
    ...(known.history === undefined ? {} : { history: describeHistory(known.history) }),
    ...(known.earlier === undefined
      ? {}
      : { upgrade: describeUpgrade(graph, described, { kept, earlier: known.earlier }) }),
    closure: describeClosureOf(graph),
  };
  return { result, earlier: known.earlier };
}

interface Measured {
  /** With diffIDs, as far as they are known without reading for them. */
  readonly layers: readonly EarlierLayer[];
  readonly sizes: readonly number[];
  readonly exact: boolean;
  readonly written: readonly WrittenLayer[] | undefined;
}

async function measureLayers(
  { graph, store, locate, open, requireHere }: LoadedClosure,
  decided: LayerPlan,
  { environment = process.env, digests = false, check = true, jobs, signal, onProgress }: PlanRequest,
): Promise<Measured> {
  const elsewhere = decided.layers.flat().find((path) => locate(path) === undefined);
  // What a cache has could be fetched: for sizes alone that is too much.
  if (elsewhere !== undefined && !digests) {
    return {
      layers: decided.layers.map((paths) => ({ paths })),
      sizes: decided.layers.map((paths) => estimate(graph, paths)),
      exact: false,
      written: undefined,
    };
  }
  if (digests) requireHere(decided.layers.flat());
  let received = 0;
  await using trees = new TreeHolder(
    {
      storeDir: graph.storeDir,
      openTrees: open,
      locateTree: locate,
      readNar: (path, options) => store.readNar(path, options),
      expectNars: (paths, options) => store.expectNars(paths, options),
    },
    { signal, onBytes: (bytes) => void (received += bytes) },
  );
  await using pool = new LayerPool(jobs);
  using cache = new DigestCache(environment);
  const created = "1970-01-01T00:00:01Z";
  const drafts = draftStoreLayers(decided.layers, { trees, graph, created, check, pool, cache });
  const withDiffIds = (made: readonly (WrittenLayer | undefined)[]): EarlierLayer[] =>
    decided.layers.map((paths, index) => ({ paths, diffId: made[index]?.diffId }));
  if (!digests) {
    return {
      layers: withDiffIds(await Promise.all(drafts.map((draft) => draft.recall(PLAIN_TAR)))),
      sizes: await Promise.all(drafts.map((draft) => draft.size(signal))),
      exact: true,
      written: undefined,
    };
  }
  // The config makes no difference to the layers.
  const config = { created, os: "linux", architecture: "amd64" };
  // Sizing the layers for an exact total would take 6 % of the processor time: nothing else needs their sizes first.
  const total = sum(decided.layers.map((paths) => estimate(graph, paths)));
  const tell = (read: number): void =>
    onProgress?.({ phase: "read", read, total, ...(received === 0 ? {} : { received }) });
  const { layers: written } = await whileReplaced(() => {
    let read = 0;
    const onBytes = (bytes: number): void => {
      read += bytes;
      tell(Math.min(read, total - 1));
    };
    return digestSink().write({ layers: drafts, config, names: [] }, { signal, onBytes });
  });
  tell(total);
  return { layers: withDiffIds(written), sizes: written.map(({ size }) => size), exact: true, written };
}

function withDigests(
  layers: readonly PlannedLayer[],
  written: readonly WrittenLayer[] | undefined,
): PlannedLayer[] {
  return layers.map((layer, index) => {
    const made = written?.[index];
    return made === undefined ? layer : { ...layer, diffId: made.diffId, digest: made.digest };
  });
}

function estimate(graph: ClosureGraph, paths: readonly StorePath[]): number {
  const narSize = sum(paths.map((path) => infoAt(graph, graph.positionOf(path) as number).narSize));
  return Math.ceil((narSize + TAR_FRAME) / TAR_BLOCK) * TAR_BLOCK;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
