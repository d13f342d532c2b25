import type { PathInfo, StorePath } from "@stowage/nix";
import type { ImageRecord } from "../image-record.ts";
import type { VerifyFinding } from "./finding.ts";
import type { LayerStorePath } from "./store-visitor.ts";

/** How a store path of an image stands. */
export type StorePathStatus =
  /** Its NAR hash is the one that this machine's Nix has for it. */
  | "matches-nix"
  /** Its NAR hash is the one that the image itself records; Nix does not know the path, or was not there to ask. */
  | "self-consistent"
  /** Nothing says what it should be. */
  | "unchecked"
  | "failed";

/** A store path of an image, verified. */
export interface VerifiedStorePath {
  readonly path: StorePath;
  readonly status: StorePathStatus;
  /** Recomputed from the layer, in SRI form. */
  readonly narHash?: string;
  /** Bytes. */
  readonly narSize?: number;
  /** The layer that has it, from the bottom up, from 0. */
  readonly layer: number;
}

/** What an image's layers hold of the store, and what is known of it. */
export interface StoreContents {
  /** The paths of each layer. */
  readonly layers: readonly (readonly LayerStorePath[])[];
  /** The image's own record. */
  readonly record: ImageRecord | undefined;
  /** What the store has, of the paths that are valid in it. */
  readonly known: ReadonlyMap<StorePath, PathInfo>;
  /** Layers below are a base's, of which the record need not tell. */
  readonly firstOwnLayer: number;
}

/** Holds each store path of an image against Nix, or else against the image's own record. */
export function checkStorePaths(contents: StoreContents): {
  readonly paths: readonly VerifiedStorePath[];
  readonly findings: readonly VerifyFinding[];
} {
  const { layers, record, known, firstOwnLayer } = contents;
  const findings: VerifyFinding[] = [];
  const recorded = new Map((record?.infos ?? []).map((info) => [info.path, info]));
  const verified = new Map<StorePath, VerifiedStorePath>();
  for (const [layer, paths] of layers.entries()) {
    for (const found of paths) {
      const { path } = found;
      const before = verified.get(path);
      if (before !== undefined) {
        const message =
          before.layer === layer ? "the layer has it in several pieces" : `layer ${before.layer} has it too`;
        findings.push({ code: "store-path-split", message, path, layer });
        verified.set(path, { ...before, status: "failed" });
        continue;
      }
      const expected = known.get(path) ?? recorded.get(path);
      const own = checkPath(found, expected, { layer, isNix: known.has(path) });
      if (record !== undefined && !recorded.has(path) && layer >= firstOwnLayer)
        own.push({
          code: "store-path-unrecorded",
          message: "the image's record does not have it",
          path,
          layer,
        });
      findings.push(...own);
      const status = known.has(path)
        ? "matches-nix"
        : expected === undefined
          ? "unchecked"
          : "self-consistent";
      verified.set(path, {
        path,
        status: own.length > 0 ? "failed" : status,
        layer,
        ...(found.nar === undefined ? {} : { narHash: found.nar.hash, narSize: found.nar.size }),
      });
    }
  }
  for (const path of recorded.keys()) {
    if (!verified.has(path))
      findings.push({ code: "store-path-missing", message: "the record has it, and no layer does", path });
  }
  findings.push(...checkRecord(record, known), ...checkReferences(verified, recorded, known));
  return { paths: [...verified.values()], findings };
}

function checkPath(
  { path, nar, failure, metadata }: LayerStorePath,
  expected: PathInfo | undefined,
  { layer, isNix }: { readonly layer: number; readonly isNix: boolean },
): VerifyFinding[] {
  const findings: VerifyFinding[] = [];
  const where = { path, layer };
  if (failure !== undefined)
    findings.push({ code: "store-path-invalid", message: failure.reason, entry: failure.entry, ...where });
  if (metadata !== undefined)
    findings.push({ code: "store-metadata", message: metadata.reason, entry: metadata.entry, ...where });
  const differs = nar !== undefined && expected !== undefined && nar.hash !== expected.narHash;
  if (differs) {
    const message = `its NAR hash is ${nar.hash}, and ${isNix ? "Nix" : "the image's record"} says ${expected.narHash}`;
    findings.push({ code: "nar-hash-mismatch", message, ...where });
  } else if (nar !== undefined && expected !== undefined && nar.size !== expected.narSize) {
    const message = `its NAR has ${nar.size} bytes, and ${isNix ? "Nix" : "the image's record"} says ${expected.narSize}`;
    findings.push({ code: "nar-hash-mismatch", message, ...where });
  }
  return findings;
}

/** What the record says of a path has to be what Nix says of it. */
function checkRecord(
  record: ImageRecord | undefined,
  known: ReadonlyMap<StorePath, PathInfo>,
): VerifyFinding[] {
  const findings: VerifyFinding[] = [];
  const seen = new Set<StorePath>();
  for (const { path, narHash, narSize, references } of record?.infos ?? []) {
    const twice = seen.has(path);
    seen.add(path);
    if (twice) findings.push({ code: "record-mismatch", message: "the record has it twice", path });
    const nix = known.get(path);
    if (nix === undefined) continue;
    const differing = [
      ...(narHash === nix.narHash ? [] : ["NAR hash"]),
      ...(narSize === nix.narSize ? [] : ["NAR size"]),
      ...(references.join(" ") === nix.references.join(" ") ? [] : ["references"]),
    ];
    if (differing.length > 0) {
      const message = `the record has another ${differing.join(", another ")} for it than Nix`;
      findings.push({ code: "record-mismatch", message, path });
    }
  }
  return findings;
}

/** A closure holds whatever its paths refer to. */
function checkReferences(
  verified: ReadonlyMap<StorePath, VerifiedStorePath>,
  recorded: ReadonlyMap<StorePath, PathInfo>,
  known: ReadonlyMap<StorePath, PathInfo>,
): VerifyFinding[] {
  const findings: VerifyFinding[] = [];
  for (const path of new Set([...verified.keys(), ...recorded.keys()])) {
    const references = new Set([
      ...(known.get(path)?.references ?? []),
      ...(recorded.get(path)?.references ?? []),
    ]);
    for (const reference of references) {
      // One that the record has and no layer does is told already.
      if (!verified.has(reference) && !recorded.has(reference)) {
        const message = `it refers to ${reference}, which is not in the image`;
        findings.push({ code: "reference-missing", message, path });
      }
    }
  }
  return findings;
}
