import type { Writable } from "node:stream";
import { familiarName, isReference, parseImageName } from "@stowage/oci";
import { classifyOutput, streamDocument, writeDocument } from "@stowage/oci/internal";
import { diffClosures, type ClosureDiff } from "./analyze/diff.ts";
import { findDuplicates } from "./analyze/dupes.ts";
import { packageReader } from "./analyze/package-of.ts";
import { CoreError } from "./errors.ts";
import { infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { loadClosure, type ClosureSource, type LoadedClosure } from "./load-closure.ts";
import { planLoaded } from "./plan.ts";
import { readEarlier } from "./plan/earlier.ts";
import type { LayeringStrategyName } from "./plan/layer-plan.ts";
import { readKnown, type PlanSources } from "./plan/read-known.ts";
import type { EarlierLayers } from "./plan/upgrade.ts";
import { describeDifference, describeDuplicates } from "./report/describe-differences.ts";
import { describeImageLayers, describePlannedLayers } from "./report/describe-layers.ts";
import { describePaths } from "./report/describe-paths.ts";
import type { ReportData, ReportLayers, ReportSubject } from "./report/report-data.ts";
import { writeHtml } from "./report/write-html.ts";

/** What {@link report} is asked. */
export interface ReportOptions extends ClosureSource, PlanSources {
  /**
   * Where the page goes: a file, which appears whole or not at all, or a stream, which is ended. Default
   * `<package name>.html`.
   */
  readonly output?: string | Writable | undefined;
  /**
   * What the closure is compared with: an image, a target, what `plan --json` printed, or a closure in any form that Nix prints;
   * default what `previous` names.
   */
  readonly compare?: string | undefined;
  /** How a pack would give paths to layers; not of an image, which has its layers. */
  readonly layering?: LayeringStrategyName | undefined;
  /** Layers of the whole image, 2 to 125; default 100. */
  readonly maxLayers?: number | undefined;
}

/** What was written. */
export interface ReportResult {
  /** The file; missing where it went into a stream. */
  readonly output?: string;
  /** Bytes of the page. */
  readonly size: number;
  /** Store paths in it. */
  readonly paths: number;
}

/**
 * Writes a closure or an image as a page that people look at: a map of sizes, a table, duplicates, layers and what an upgrade sends,
 * and how it differs from another. One HTML file that loads nothing, the same bytes for the same closure and options.
 *
 * @throws what {@link loadClosure} throws; OciError `output-…`
 * @throws CoreError `option-invalid`, `plan-invalid`, `not-found`
 * @example
 * ```ts
 * const { output } = await report({ targets: ["result"], output: "report.html", previous: "app-1.0.tar" });
 * console.log(`open ${output}`);
 * ```
 */
export async function report(options: ReportOptions): Promise<ReportResult> {
  const { output, signal } = options;
  // Nothing is read for a place that cannot be written.
  if (typeof output === "string") await classifyOutput(output, { directoryHint: "Name a file in it." });
  const loaded = await loadClosure(options);
  const data = await describeReport(loaded, options);
  const page = Buffer.from(writeHtml(data));
  const answer = { size: page.length, paths: data.paths.base.length };
  if (output !== undefined && typeof output !== "string") {
    await streamDocument(output, "the output", page, signal);
    return answer;
  }
  const path = output ?? `${firstPackage(loaded.graph).name}.html`;
  await writeDocument(path, page, signal);
  return { output: path, ...answer };
}

async function describeReport(loaded: LoadedClosure, options: ReportOptions): Promise<ReportData> {
  const { graph } = loaded;
  const { layers, paths, earlier } = await describeLayers(loaded, options);
  const other = await readOther(options, earlier);
  options.signal?.throwIfAborted();
  const diff: ClosureDiff | undefined = other && diffClosures(other.graph, graph);
  return {
    subject: describeSubject(loaded, options),
    storeDir: graph.storeDir,
    roots: graph.roots,
    paths: describePaths(graph, paths, diff),
    layers,
    duplicates: describeDuplicates(graph, findDuplicates(graph)),
    ...(other && diff && { diff: describeDifference(graph, other.word, diff) }),
  };
}

interface Layered {
  readonly layers: ReportLayers;
  /** Store paths of each. */
  readonly paths: Parameters<typeof describePaths>[1];
  readonly earlier: EarlierLayers | undefined;
}

/** An image has its layers, for all else they are planned. */
async function describeLayers(loaded: LoadedClosure, options: ReportOptions): Promise<Layered> {
  const { graph, image } = loaded;
  if (image === undefined) {
    const { result, earlier } = await planLoaded(loaded, options);
    return {
      layers: describePlannedLayers(result),
      paths: result.layers.map(({ paths }) => paths),
      earlier,
    };
  }
  const { layering, maxLayers, plan, history = [], previous } = options;
  if (layering !== undefined || maxLayers !== undefined || plan !== undefined || history.length > 0) {
    throw new CoreError("option-invalid", "an image has its layers: nothing is planned", {
      hint: "Leave out what says how paths share layers; --previous and --compare go with images too.",
    });
  }
  const { earlier } = await readKnown({ previous }, graph, options);
  return {
    layers: describeImageLayers(graph, image, earlier),
    paths: image.storeLayers.map(({ paths }) => paths),
    earlier,
  };
}

async function readOther(
  options: ReportOptions,
  earlier: EarlierLayers | undefined,
): Promise<{ readonly word: string; readonly graph: ClosureGraph } | undefined> {
  const { compare } = options;
  if (compare === undefined) return earlier;
  const { graph } = await readEarlier(compare, options);
  if (graph !== undefined) return { word: compare, graph };
  throw new CoreError("plan-invalid", `'${compare}' tells no closure to compare with`, {
    path: compare,
    hint: "Name an image, a target, or an exported closure.",
  });
}

function describeSubject({ graph, image }: LoadedClosure, { targets }: ReportOptions): ReportSubject {
  if (image !== undefined) {
    const { name, digest } = image;
    const shown = name === undefined ? (targets[0] ?? "") : shortName(name);
    return { kind: "image", name: shown, version: "", ...(digest === undefined ? {} : { digest }) };
  }
  return { kind: "closure", ...firstPackage(graph) };
}

/** As Docker shows it; what is no name of an image stays as it is. */
function shortName(name: string): string {
  return isReference(name) && !name.includes("@") ? familiarName(parseImageName(name)) : name;
}

/** The package of the first root; an image's record may name none. */
function firstPackage(graph: ClosureGraph): { readonly name: string; readonly version: string } {
  const [root] = graph.roots;
  if (root === undefined) return { name: "closure", version: "" };
  const { name, version } = packageReader(graph.infos)(infoAt(graph, root));
  return { name, version };
}
