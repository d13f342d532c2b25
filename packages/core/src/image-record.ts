import { NixError, parseNarHash, parseStorePath, type PathInfo } from "@stowage/nix";
import type { HistoryEntry } from "@stowage/oci";
import { recordIn } from "./build/config/closure-record.ts";

/** What an image says of the store paths in it. */
export interface ImageRecord {
  readonly storeDir: string;
  /** As recorded: maybe not sorted, not complete, or with a path twice. */
  readonly infos: readonly PathInfo[];
  /** The same for each layer that has some, from the bottom up. */
  readonly layers: readonly RecordedLayer[];
}

/** What a layer is said to hold. */
export interface RecordedLayer {
  /** From the bottom up, from 0. */
  readonly number: number;
  readonly infos: readonly PathInfo[];
}

/**
 * Reads the record of an image's closure out of its history; undefined where it has none.
 * @throws NixError `format-invalid` when it is not a record
 */
export function readRecord(history: readonly HistoryEntry[]): ImageRecord | undefined {
  const records = history
    .filter((entry) => entry.empty_layer !== true)
    .flatMap((entry, number) => {
      const record = recordIn(entry);
      return record === undefined ? [] : [{ ...record, number }];
    });
  const [first] = records;
  if (first === undefined) return undefined;
  const { storeDir } = first;
  if (
    !storeDir.startsWith("/") ||
    storeDir.endsWith("/") ||
    records.some((other) => other.storeDir !== storeDir)
  )
    throw new NixError("format-invalid", "the image's record has no store directory, or several");
  const layers = records.map(({ number, paths }) => ({
    number,
    infos: paths.map((recorded) => readRecorded(recorded, storeDir)),
  }));
  return { storeDir, infos: layers.flatMap(({ infos }) => infos), layers };
}

function readRecorded(recorded: unknown, storeDir: string): PathInfo {
  const { path, narHash, narSize, references } = (recorded ?? {}) as Readonly<Record<string, unknown>>;
  const isSize = typeof narSize === "number" && Number.isSafeInteger(narSize) && narSize >= 0;
  const areReferences =
    Array.isArray(references) && references.every((reference) => typeof reference === "string");
  if (typeof path !== "string" || typeof narHash !== "string" || !isSize || !areReferences) {
    throw new NixError("format-invalid", "the image's record of a store path is not whole");
  }
  return {
    path: parseStorePath(`${storeDir}/${path}`, storeDir),
    narHash: parseNarHash(narHash),
    narSize,
    references: references
      .map((reference) => parseStorePath(`${storeDir}/${reference}`, storeDir))
      .toSorted(),
  };
}
