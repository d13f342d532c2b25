import type { Finding, ImageFindingCode } from "@stowage/oci";

/** What can be wrong with the store paths in an image; closed. */
export type StoreFindingCode =
  /** A path's contents are not what Nix, or the image's own record, says. */
  | "nar-hash-mismatch"
  /** A path's tree is none that a store can hold: links, order, names. */
  | "store-path-invalid"
  /** Modes, owners or times that are not Nix's. */
  | "store-metadata"
  /** A path is in more than one layer, or more than once in one. */
  | "store-path-split"
  /** A path that the record has is in no layer. */
  | "store-path-missing"
  /** A path that the layers have is not in the record. */
  | "store-path-unrecorded"
  /** Something else than store paths in the store directory. */
  | "store-entry"
  /** A path refers to one that is not in the image. */
  | "reference-missing"
  /** The record is none, or says otherwise than Nix. */
  | "record-mismatch"
  /** A root that the image's labels name is not in it. */
  | "root-missing"
  /** The program that the image starts is not in it. */
  | "entrypoint-missing";

/** Everything that can be wrong with an image and the store paths in it. */
export type VerifyFindingCode = ImageFindingCode | StoreFindingCode;

/** Something wrong with an image: what and where. */
export interface VerifyFinding extends Finding<VerifyFindingCode> {
  /** The store path it is about. */
  readonly path?: string;
}

/** How many findings of one kind are told of an image; the rest is counted. A closure has some hundred paths. */
const MAX_ALIKE = 1000;

/** Findings without those of a kind that there are too many of, and with one that says how many. */
export function limitAlike(findings: Iterable<VerifyFinding>): VerifyFinding[] {
  const counts = new Map<VerifyFindingCode, number>();
  const told: VerifyFinding[] = [];
  for (const finding of findings) {
    const count = (counts.get(finding.code) ?? 0) + 1;
    counts.set(finding.code, count);
    if (count <= MAX_ALIKE) told.push(finding);
  }
  for (const [code, count] of counts)
    if (count > MAX_ALIKE) told.push({ code, message: `${count - MAX_ALIKE} more like these` });
  return told;
}
