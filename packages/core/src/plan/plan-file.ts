import { makeClosure, parseNarHash, parseStorePath, storePathBaseName, type StorePath } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import { buildGraph, infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import type { EarlierLayer } from "./earlier.ts";
import type { ChangeHistory } from "./expected/rates.ts";

/** A history as JSON: how many releases were watched, and in how many of them each package changed by itself. */
export interface HistoryDocument {
  readonly releases: number;
  readonly changes: Readonly<Record<string, number>>;
}

/** The closure that a plan is for, as JSON; references by base name, the store directory being the same. */
export interface ClosureDocument {
  readonly storeDir: string;
  readonly roots: readonly StorePath[];
  readonly paths: readonly {
    readonly path: string;
    /** SRI form. */
    readonly narHash: string;
    readonly narSize: number;
    readonly references: readonly string[];
  }[];
}

/** What a plan file says that other verbs need: its layers and its closure, what it knew of the past, or only that. */
export interface PlanFile {
  readonly layers: readonly EarlierLayer[] | undefined;
  readonly graph: ClosureGraph | undefined;
  readonly history: ChangeHistory | undefined;
}

export function describeClosureOf(graph: ClosureGraph): ClosureDocument {
  return {
    storeDir: graph.storeDir,
    roots: graph.roots.map((root) => infoAt(graph, root).path),
    paths: graph.infos.map(({ path, narHash, narSize, references }) => ({
      path: storePathBaseName(path),
      narHash,
      narSize,
      references: references.map(storePathBaseName),
    })),
  };
}

export function describeHistory({ releases, changes }: ChangeHistory): HistoryDocument {
  return { releases, changes: Object.fromEntries(changes) };
}

/** Whether a JSON document is a plan or a history: everything else with braces is for others to read. */
export function isPlanFile(document: unknown): document is Fields {
  return (
    isFields(document) && document["schemaVersion"] === 1 && ("layers" in document || "history" in document)
  );
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads what `plan --json` printed, or a history document (`{"schemaVersion": 1, "history": …}`).
 * @throws CoreError `plan-invalid`
 */
export function readPlanFile(document: Fields, file: string): PlanFile {
  const fail = (problem: string, cause?: unknown): CoreError =>
    new CoreError("plan-invalid", `'${file}' is no plan: ${problem}`, {
      path: file,
      hint: "Give what stowage plan --json printed, or an image.",
      cause,
    });
  try {
    const graph = document["closure"] === undefined ? undefined : readClosure(document["closure"]);
    const storeDir = graph?.storeDir;
    return {
      graph,
      layers: document["layers"] === undefined ? undefined : readLayers(document["layers"], storeDir),
      history: document["history"] === undefined ? undefined : readHistory(document["history"]),
    };
  } catch (cause) {
    throw fail(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function readLayers(value: unknown, storeDir: string | undefined): EarlierLayer[] {
  return asList(value, "layers").map((each) => {
    const layer = asFields(each, "a layer");
    const paths = asList(layer["paths"], "a layer's paths");
    return {
      paths: paths.map((path) => parseStorePath(asText(path, "a path"), storeDir)),
      diffId: layer["diffId"] === undefined ? undefined : asText(layer["diffId"], "a layer's diffId"),
    };
  });
}

function readClosure(value: unknown): ClosureGraph {
  const fields = asFields(value, "closure");
  const storeDir = asText(fields["storeDir"], "storeDir");
  const parse = (base: unknown): StorePath =>
    parseStorePath(`${storeDir}/${asText(base, "a path")}`, storeDir);
  const infos = asList(fields["paths"], "paths").map((each) => {
    const info = asFields(each, "a path of the closure");
    return {
      path: parse(info["path"]),
      narHash: parseNarHash(asText(info["narHash"], "narHash")),
      narSize: asCount(info["narSize"], "narSize"),
      references: asList(info["references"], "references").map(parse).toSorted(),
    };
  });
  const roots = asList(fields["roots"], "roots").map((root) =>
    parseStorePath(asText(root, "a root"), storeDir),
  );
  return buildGraph(makeClosure(storeDir, roots, infos));
}

function readHistory(value: unknown): ChangeHistory {
  const fields = asFields(value, "history");
  const releases = asCount(fields["releases"], "releases");
  const counts = Object.entries(asFields(fields["changes"], "changes"));
  return {
    releases,
    changes: new Map(counts.map(([name, count]) => [name, asCount(count, `changes of ${name}`)])),
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asFields(value: unknown, what: string): Fields {
  if (isFields(value)) return value;
  throw new TypeError(`${what} is not an object`);
}

function asList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${what} is not a list`);
}

function asText(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new TypeError(`${what} is not a string`);
}

function asCount(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`${what} is not a whole number`);
}
