import { NixError } from "@stowage/nix";
import { recordIn } from "../build/config/closure-record.ts";
import { readRecord, type ImageRecord } from "../image-record.ts";
import type { VerifyFinding } from "./finding.ts";

/** The record of an image, and what is wrong with it. */
export interface ReadRecord {
  readonly record: ImageRecord | undefined;
  readonly findings: readonly VerifyFinding[];
}

/** Reads the record in an image's history; one that is malformed is a finding. */
export function readImageRecord(history: Parameters<typeof readRecord>[0]): ReadRecord {
  try {
    return { record: readRecord(history), findings: [] };
  } catch (error) {
    if (!(error instanceof NixError)) throw error;
    return { record: undefined, findings: [{ code: "record-mismatch", message: error.message }] };
  }
}

/** How many layers lie below the first one that the history has a record of: those of a base. */
export function countLayersBefore(history: Parameters<typeof readRecord>[0]): number {
  const layers = history.filter((entry) => entry.empty_layer !== true);
  const first = layers.findIndex((entry) => recordIn(entry) !== undefined);
  return Math.max(0, first);
}
