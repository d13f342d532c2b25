import { readFileSync } from "node:fs";
import { infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { packageReader } from "./analyze/package-of.ts";
import { parseCreated } from "./build/config/created.ts";
import type { ImageClosure } from "./image-closure.ts";
import { loadClosure, type ClosureSource } from "./load-closure.ts";
import type { Bill, BillComponent, BillLayer, BillSubject } from "./sbom/bill.ts";
import { contentSerial, randomSerial } from "./sbom/serial.ts";

/** The forms of a bill of materials. */
export const sbomFormats = ["cyclonedx", "spdx"] as const;
/** One of {@link sbomFormats}. */
export type SbomFormat = (typeof sbomFormats)[number];

/** What {@link sbom} is asked. */
export interface SbomOptions extends ClosureSource {
  /** Default `cyclonedx`: CycloneDX 1.6; `spdx`: SPDX 2.3. Both in JSON. */
  readonly format?: SbomFormat | undefined;
  /** RFC 3339, `source-date-epoch` or `now`; default none, so that the same closure gives the same bytes. */
  readonly created?: string | undefined;
  /** Whether each bill has a serial number of its own; default one that follows from what the bill says. */
  readonly randomSerial?: boolean | undefined;
}

/**
 * Writes the bill of materials of a closure or an image: one component for each store path, with its package, NAR hash, what
 * it depends on, and in an image its layer.
 * @returns a JSON document; the same bytes for the same closure unless a time or a random serial number is asked for
 * @throws what {@link loadClosure} throws; CoreError `option-invalid` for a time that is none
 * @example
 * ```ts
 * const text = await sbom({ targets: ["result"], format: "spdx" });
 * ```
 */
export async function sbom(options: SbomOptions): Promise<string> {
  const { environment = process.env } = options;
  const created = options.created === undefined ? undefined : parseCreated(options.created, environment);
  const { graph, subject, layerOf } = await readSubject(options);
  const tool = { name: "stowage", version: ownVersion() };
  const contents = { subject, components: describeComponents(graph, layerOf), created, tool };
  const serial = options.randomSerial ? randomSerial() : contentSerial(contents);
  return write({ ...contents, serial }, options.format ?? "cyclonedx");
}

/** The library for CycloneDX is loaded by who needs it only. */
async function write(bill: Bill, format: SbomFormat): Promise<string> {
  if (format === "spdx") return (await import("./sbom/spdx.ts")).writeSpdx(bill);
  return (await import("./sbom/cyclonedx.ts")).writeCycloneDx(bill);
}

interface Subject {
  readonly graph: ClosureGraph;
  readonly subject: BillSubject;
  readonly layerOf: ReadonlyMap<string, BillLayer>;
}

async function readSubject(options: SbomOptions): Promise<Subject> {
  const { graph, image } = await loadClosure(options);
  if (image !== undefined) return { graph, ...describeImage(image, options.targets[0] ?? "") };
  const root = graph.infos[graph.roots[0] ?? 0];
  const { name, version } =
    root === undefined ? { name: "empty", version: "" } : packageReader(graph.infos)(root);
  return { graph, subject: { kind: "closure", name, version }, layerOf: new Map() };
}

function describeImage(image: ImageClosure, word: string): Omit<Subject, "graph"> {
  const layerOf = new Map<string, BillLayer>();
  for (const { number, digest, diffId, paths } of image.storeLayers) {
    const layer = {
      number,
      ...(digest === undefined ? {} : { digest }),
      ...(diffId === undefined ? {} : { diffId }),
    };
    for (const path of paths) if (!layerOf.has(path)) layerOf.set(path, layer);
  }
  const { name = word, digest } = image;
  return {
    subject: { kind: "image", name, version: "", ...(digest === undefined ? {} : { digest }) },
    layerOf,
  };
}

function describeComponents(graph: ClosureGraph, layerOf: Subject["layerOf"]): BillComponent[] {
  const read = packageReader(graph.infos);
  const roots = new Set(graph.roots);
  return graph.infos.map((info, position) => {
    const { path, narHash, narSize } = info;
    const { name, version, output } = read(info);
    const layer = layerOf.get(path);
    return {
      path,
      name,
      version,
      output,
      narHash,
      narSize,
      isRoot: roots.has(position),
      references: (graph.references[position] ?? []).map((other) => infoAt(graph, other).path),
      ...(layer === undefined ? {} : { layer }),
    };
  });
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}
