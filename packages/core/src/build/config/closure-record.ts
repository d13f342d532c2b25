import { storePathBaseName, storePathName, type PathInfo } from "@stowage/nix";
import type { HistoryEntry } from "@stowage/oci";
import { parseJson } from "@stowage/oci/internal";

/**
 * What an image says of its own closure, readable without a store: each layer's history entry has, in `created_by`,
 * a few names for the eye and then JSON, from the first `{` on. History has no size limit, Docker keeps it, and `docker history` cuts it
 * for the eye; a label over 4096 bytes would keep containerd from starting the container.
 */
interface ClosureRecord {
  readonly schemaVersion: 1;
  readonly storeDir: string;
  readonly paths: readonly RecordedPath[];
}

/** A store path as recorded; references by base name, the store directory being the same. */
interface RecordedPath {
  readonly path: string;
  /** SRI form. */
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

const FOR_THE_EYE = 3;

/** The history entry of a layer of store paths. */
export function storeLayerHistory(
  storeDir: string,
  infos: readonly PathInfo[],
  created: string,
): HistoryEntry {
  return { created, created_by: describePaths(storeDir, infos), comment: "stowage: store paths" };
}

/** A few names for the eye, and the record. */
function describePaths(storeDir: string, infos: readonly PathInfo[]): string {
  const names = infos.map((info) => storePathName(info.path));
  const shown = names.slice(0, FOR_THE_EYE).join(", ");
  const more = names.length > FOR_THE_EYE ? ` and ${names.length - FOR_THE_EYE} more` : "";
  const record: ClosureRecord = {
    schemaVersion: 1,
    storeDir,
    paths: infos.map((info) => ({
      path: storePathBaseName(info.path),
      narHash: info.narHash,
      narSize: info.narSize,
      references: info.references.map(storePathBaseName),
    })),
  };
  return `${shown}${more} ${JSON.stringify(record)}`;
}

/** How a record begins. */
const RECORD = '{"schemaVersion":1,';

/** What a history entry says to people: the record left out. */
export function readRecordedText(entry: HistoryEntry): string {
  const text = entry.created_by ?? "";
  return recordIn(entry) === undefined ? text : text.slice(0, text.indexOf(RECORD)).trimEnd();
}

/**
 * The record in a layer's history entry, its paths still unchecked; undefined where the entry has none.
 */
export function recordIn(
  entry: HistoryEntry,
): { readonly storeDir: string; readonly paths: readonly unknown[] } | undefined {
  const text = entry.created_by ?? "";
  const start = text.indexOf(RECORD);
  if (start === -1) return undefined;
  try {
    const record = parseJson(Buffer.from(text.slice(start))) as Partial<Record<string, unknown>>;
    const { storeDir, paths } = record;
    return typeof storeDir === "string" && Array.isArray(paths) ? { storeDir, paths } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The history entry of the last layer.
 * @param inBase paths of the closure that a base has and does not record
 */
export function rootLayerHistory(
  places: readonly string[],
  created: string,
  inBase: { readonly storeDir: string; readonly infos: readonly PathInfo[] },
): HistoryEntry {
  const { storeDir, infos } = inBase;
  const words = infos.length === 0 ? places : [...places, "in the base:", describePaths(storeDir, infos)];
  return { created, created_by: words.join(" "), comment: "stowage: what is not a store path" };
}
