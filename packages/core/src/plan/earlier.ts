import { readFile, stat } from "node:fs/promises";
import type { StorePath } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import { buildGraph, type ClosureGraph } from "../graph/closure-graph.ts";
import { readImageClosure } from "../image-closure.ts";
import { loadClosure, type ClosureSource } from "../load-closure.ts";
import type { ChangeHistory } from "./expected/rates.ts";
import { isImageWord } from "../registry/open-image-at.ts";
import { isPlanFile, readPlanFile } from "./plan-file.ts";

/** A layer of an earlier release. */
export interface EarlierLayer {
  /** In layer order. */
  readonly paths: readonly StorePath[];
  /** Of its bytes, where that is known. */
  readonly diffId?: string | undefined;
}

/** A release before this one, as far as what is left of it tells. */
export interface Earlier {
  /** The word that named it. */
  readonly word: string;
  readonly graph: ClosureGraph | undefined;
  /** How its paths shared layers, from the bottom up. */
  readonly layers: readonly EarlierLayer[] | undefined;
  /** Whether another program made its layers: the same paths are other bytes there. */
  readonly isForeign: boolean;
  /** What had been counted before it. */
  readonly history: ChangeHistory | undefined;
}

/** Where words that are targets are looked up. */
export type EarlierOptions = Pick<
  ClosureSource,
  "store" | "environment" | "signal" | "registry" | "platform" | "onProgress"
>;

/**
 * Reads an earlier release: an image, also one in a registry, what `plan --json` printed, a history document, a closure in any
 * form that Nix prints, or a target that is still in the store.
 * @throws CoreError `not-found`, `file-unreadable`, `plan-invalid`; what reading images and closures throws
 */
export async function readEarlier(word: string, options: EarlierOptions = {}): Promise<Earlier> {
  const { signal } = options;
  if (await isImageWord(word)) {
    const { closure, storeLayers, isRecorded } = await readImageClosure(word, options);
    const layers = storeLayers.map(({ paths, diffId }) => ({ paths, diffId }));
    return { word, graph: buildGraph(closure), layers, isForeign: !isRecorded, history: undefined };
  }
  const target = { word, layers: undefined, isForeign: false, history: undefined };
  if (!(await isPlainFile(word)))
    return { ...target, graph: (await loadClosure({ ...options, targets: [word] })).graph };
  const text = await readFile(word, { encoding: "utf8", signal });
  const document = parseJson(text);
  if (isPlanFile(document)) return { word, isForeign: false, ...readPlanFile(document, word) };
  return { ...target, graph: (await loadClosure({ ...options, targets: [], text })).graph };
}

async function isPlainFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : "";
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new CoreError("not-found", `there is no '${path}'`, {
        path,
        hint: "Name an image, what stowage plan --json printed, or an exported closure.",
        cause,
      });
    }
    throw new CoreError("file-unreadable", `cannot read '${path}': ${String(code)}`, { path, cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
