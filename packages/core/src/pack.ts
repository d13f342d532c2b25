import { availableParallelism } from "node:os";
import type { Closure, Store, StorePath, Target } from "@stowage/nix";
import {
  BlockPool,
  digestSink,
  familiarName,
  parseCompression,
  type ImageDraft,
  type WrittenImage,
} from "@stowage/oci";
import { closureWithExtras } from "./build/closure-with-extras.ts";
import { bring } from "./build/bring.ts";
import { readAnnotations } from "./build/config/annotations.ts";
import { packageNameOf } from "./build/config/entrypoint.ts";
import { imageNames } from "./build/config/image-names.ts";
import { composeRoot } from "./build/compose-root.ts";
import { readBaseConfig, triggersOf } from "./base/base-config.ts";
import { resolveUser } from "./base/base-accounts.ts";
import { openBase, originOf, type OpenBase } from "./base/open-base.ts";
import { readBaseImage, type Base } from "./base/read-base-image.ts";
import { decideConfig, foreseePlatform, type DecidedConfig } from "./build/decide-config.ts";
import { draftImage } from "./build/draft-image.ts";
import { LayerPool } from "./build/layer/layer-pool.ts";
import { readJobs } from "./build/layer/read-jobs.ts";
import { nothingToSync, openOutput } from "./build/output.ts";
import { requireInside } from "./build/require-inside.ts";
import { parseUser } from "./build/root/accounts.ts";
import { parseLink } from "./build/root/place.ts";
import { TreeHolder } from "./build/tree-holder.ts";
import { DigestCache } from "./cache/digest-cache.ts";
import { diagnose } from "./doctor/diagnose.ts";
import { openEngines, parseEngines } from "./engine/open-engines.ts";
import { CoreError } from "./errors.ts";
import { buildGraph, type ClosureGraph } from "./graph/closure-graph.ts";
import { openPackStore } from "./open-pack-store.ts";
import type { PackOptions, PackResult } from "./pack-options.ts";
import { ProgressReport } from "./pack-progress.ts";
import { checkAttachments } from "./registry/attach-files.ts";
import { EarlyHints } from "./registry/early-hints.ts";
import { openPushRegistries } from "./registry/open-push-registries.ts";
import { parsePushPlaces } from "./registry/push-draft-to.ts";
import type { LayerPlan } from "./plan/layer-plan.ts";
import { layersOutsideBase, outsideBase } from "./plan/outside-base.ts";
import { planLayers } from "./plan/plan-layers.ts";
import { readKnown } from "./plan/read-known.ts";

/** The image's layers that hold no store paths: the last one. */
const OTHER_LAYERS = 1;

/**
 * Packs the closure of all targets into one container image: same closure and options, same bytes.
 *
 * @throws CoreError for an option or a closure that no image can be made of
 * @throws NixError for a target or a store that cannot be read
 * @throws OciError for an output that cannot be written; nothing is left at its place then
 * @example
 * ```ts
 * const image = await pack({ targets: ["result"], output: "app.tar", tags: ["app:1.0"] });
 * console.log(image.imageId);
 * ```
 */
export async function pack(options: PackOptions): Promise<PackResult> {
  const { signal, environment = process.env } = options;
  const warnings: string[] = [];
  const warn = (warning: string): void => {
    warnings.push(warning);
    options.onWarning?.(warning);
  };

  const progress = new ProgressReport(options.onProgress);
  const packStore = openPackStore({ ...options, onReplaced: warn }, environment);
  const { store } = packStore;
  await using trees = new TreeHolder(store, { signal, onBytes: progress.received });
  const link = parseLink(options.link ?? "/result", store.storeDir);
  const jobs = readJobs(options.jobs);
  const codec = parseCompression(options.compression ?? "none");

  if (packStore.warning !== undefined) warn(packStore.warning);
  const targets = await packStore.resolveTargets(options.targets);
  const names = imageNames(options.tags, packageNameOf(targets[0] as Target));
  const places = parsePushPlaces(options.push ?? []);
  if (places.length === 0 && (options.attach ?? []).length > 0) {
    throw new CoreError("option-invalid", "files are attached to what is pushed, and nothing is", {
      hint: "Say where to with --push.",
    });
  }
  await checkAttachments(options.attach ?? [], signal);
  await using registries = await openPushRegistries(
    places,
    options,
    environment,
    (await originOf(options.base))?.domain,
  );
  const engineNames = parseEngines(options.load ?? []);
  const isElsewhere = places.length > 0 || engineNames.length > 0;
  const isWritten = !isElsewhere || options.output !== undefined || options.format !== undefined;
  const output = isWritten ? await openOutput(options, packageNameOf(targets[0] as Target)) : undefined;
  if (output === undefined && options.sync === false) throw nothingToSync("none is written");
  if (codec !== undefined && output?.isStream && !options.spool) throw unspooled(options);

  if (codec !== undefined && output === undefined && places.length === 0) {
    throw new CoreError(
      "option-invalid",
      `--compression ${options.compression}: an engine is sent plain layers`,
      {
        hint: "Leave --compression out, or write a file too with -o, or --push.",
      },
    );
  }

  using hints = options.dryRun
    ? undefined
    : new EarlyHints(places, registries, { isCompressed: codec !== undefined, signal });
  await using opened =
    options.base === undefined
      ? undefined
      : await openBase(options.base, { registry: registries, environment, signal });
  if (opened === undefined) readUser(options);

  options.onProgress?.({ phase: "query" });
  const { include = [] } = options;
  const included = include.length === 0 ? [] : await packStore.resolveTargets(include);
  const roots = [...new Set([...targets, ...included].map((target) => target.storePath))];
  // Side by side: what a root holds from now on is what its closure is.
  const [protecting, querying] = await Promise.allSettled([
    store.protect(roots, { signal }),
    queryClosure({ store, trees }, roots, options),
  ]);
  await using protection = settledValue(protecting);
  if (protection.warning !== undefined) warn(protection.warning);
  const closure = settledValue(querying);
  packStore.requireFiles(closure);

  const graph = buildGraph(closure);
  await using base =
    opened && (await readOpenBase(opened, { options, trees, targets, graph, link, environment }));
  const triggers = base === undefined ? [] : triggersOf(readBaseConfig(base));
  if (triggers.length > 0) warn(`the base '${options.base}' has ONBUILD instructions, which are not run`);
  const user = readUser(options, base);
  const root = await composeRoot(options, { trees, targets, graph, link, user, base });
  await requireInside(root.view, targets, (path) => trees.isHere(path));
  const decided = await decideConfig(options, { root, targets, link, user, environment, base });
  if (decided.entrypointCandidates.length > 0) warn(describeCandidates(decided));
  for (const warning of await diagnose(options, { root, targets, graph, decided, base })) warn(warning);
  const engines = options.dryRun
    ? []
    : await openEngines(engineNames, { environment, platform: decided.platform, signal });
  const known = await readKnown(options, graph, {
    store: options.store,
    registry: registries,
    platform: decided.platform,
    environment,
    signal,
  });
  const plan = planLayers(outsideBase(graph, base?.storePaths), {
    ...known,
    strategy: options.layering,
    maxLayers: options.maxLayers,
    otherLayers: OTHER_LAYERS + (base?.image.layers.length ?? 0),
    given: layersOutsideBase(known.given, base?.storePaths),
  });

  options.onProgress?.({ phase: "measure", paths: closure.paths.length, narSize: narSizeOf(closure) });
  await using pool = new LayerPool(options.jobs);
  await using compression = codec === undefined ? undefined : new BlockPool(codec, compressionThreads(jobs));
  using cache = new DigestCache(environment, options.onNotice);
  const { check = true } = options;
  const { config } = decided;
  const { annotations } = readAnnotations(options.annotations ?? {});
  const parts = { trees, graph, plan, tree: root.tree, config, names, annotations };
  const draft = draftImage({ ...parts, check, pool, cache, compression, base });
  const sink = options.dryRun === "digests" ? digestSink() : output?.sink;
  const { written, pushed, attached, loaded } =
    options.dryRun === true
      ? { written: undefined, pushed: [], attached: [], loaded: [] }
      : await bring(
          draft,
          { sink, places: options.dryRun ? [] : places, registries, hints, engines },
          { progress, signal, attach: options.attach },
        );

  return {
    layers: await describeLayers(draft, plan, written),
    ...(written === undefined ? {} : { imageId: written.imageId, manifestDigest: written.manifestDigest }),
    ...(options.dryRun || output?.path === undefined ? {} : { output: output.path }),
    ...(output === undefined ? {} : { format: output.format }),
    ...(pushed.length === 0 ? {} : { pushed }),
    ...(attached.length === 0 ? {} : { attached }),
    ...(loaded.length === 0 ? {} : { loaded }),
    tags: names.map(familiarName),
    platform: decided.platform,
    entrypoint: decided.config.config?.Entrypoint ?? [],
    entrypointCandidates: decided.entrypointCandidates,
    closure: { paths: closure.paths.length, narSize: narSizeOf(closure) },
    warnings,
  };
}

/** Reads a base for the platform that the closure is for. */
async function readOpenBase(
  opened: OpenBase,
  context: {
    readonly options: PackOptions;
    readonly trees: TreeHolder;
    readonly targets: readonly Target[];
    readonly graph: ClosureGraph;
    readonly link: string;
    readonly environment: NodeJS.ProcessEnv;
  },
): Promise<Base> {
  const { options, trees, targets, graph, link, environment } = context;
  const { signal, onProgress } = options;
  // Whose they are, and what stands beside them, makes no difference to what runs.
  const apart = { ...options, directories: [], bare: true };
  const root = await composeRoot(apart, { trees, targets, graph, link, user: undefined });
  const platform = await foreseePlatform(options, { root, targets, link, environment });
  let read = 0;
  return readBaseImage(opened, {
    platform,
    storeDir: trees.storeDir,
    infos: graph.infos,
    environment,
    onNotice: options.onNotice,
    signal,
    onBytes:
      onProgress &&
      ((bytes, total) => {
        read += bytes;
        onProgress({ phase: "base", read, total });
      }),
  });
}

function readUser(options: PackOptions, base?: Base): ReturnType<typeof parseUser> | undefined {
  if (options.user !== undefined && base !== undefined)
    return resolveUser(options.user, base.accounts, "--user");
  const user = options.user === undefined ? undefined : parseUser(options.user);
  if (options.bare && user?.account !== undefined) {
    throw new CoreError(
      "option-invalid",
      `--bare leaves /etc/passwd out, so --user '${options.user}' means nobody`,
      {
        hint: "Give the user as a number, such as --user 1000:1000.",
      },
    );
  }
  return user;
}

/**
 * Compressing waits for nothing but a processor: more threads than there are of those are no faster, and each takes memory, 50 MB
 * more for zstd:19. Reading is another matter, where a disk is slow.
 */
function compressionThreads(jobs: number): number {
  return Math.min(jobs, availableParallelism());
}

function unspooled({ compression }: PackOptions): CoreError {
  return new CoreError(
    "option-invalid",
    `--compression ${compression}: a stream needs each layer's size before the layer`,
    {
      hint: "Add --spool, which holds one compressed layer at a time in TMPDIR, or give a file with -o.",
    },
  );
}

async function queryClosure(
  { store, trees }: { readonly store: Store; readonly trees: TreeHolder },
  roots: readonly StorePath[],
  options: PackOptions,
): Promise<Closure> {
  const closure = await store.queryClosure(roots, { signal: options.signal });
  const { with: extras = [], signal } = options;
  return extras.length === 0 ? closure : closureWithExtras({ store, trees }, closure, extras, { signal });
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

function describeCandidates(decided: DecidedConfig): string {
  const candidates = decided.entrypointCandidates;
  return `no entrypoint: which of ${candidates.length} programs is meant? Choose one: ${candidates
    .map((program) => `--entrypoint ${program}`)
    .join("  ")}`;
}

async function describeLayers(
  draft: ImageDraft,
  plan: LayerPlan,
  written: WrittenImage | undefined,
): Promise<PackResult["layers"]> {
  const below = (draft.base?.layers ?? []).map(({ size, diffId, digest }) => ({
    paths: [],
    isBase: true as const,
    size,
    diffId,
    digest,
  }));
  const own = await Promise.all(
    draft.layers.map(async (layer, index) => {
      const paths = plan.layers[index] ?? [];
      const made = written?.layers[index];
      if (made === undefined) return { paths, size: await layer.size() };
      return { paths, size: made.size, diffId: made.diffId, digest: made.digest };
    }),
  );
  return [...below, ...own];
}

function narSizeOf(closure: Closure): number {
  return closure.paths.reduce((sum, info) => sum + info.narSize, 0);
}
