/**
 * What a report's page is given: plain data, read by a program without Node. Store paths are positions in columns, so that
 * 12,000 of them stay small. Sizes are bytes. All text is from outside, and none of it is markup.
 */
export interface ReportData {
  readonly subject: ReportSubject;
  readonly storeDir: string;
  /** Positions. */
  readonly roots: readonly number[];
  readonly paths: ReportPaths;
  readonly layers: ReportLayers;
  readonly duplicates: readonly ReportDuplicate[];
  /** Only where there is something to compare with. */
  readonly diff?: ReportDiff;
}

/** What the report is about. */
export interface ReportSubject {
  readonly kind: "closure" | "image";
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** Of an image's manifest, or where it has none of its config. */
  readonly digest?: string;
}

/** One column for each thing that is known of a store path, in path order. */
export interface ReportPaths {
  /** `<hash>-<name>`. */
  readonly base: readonly string[];
  readonly name: readonly string[];
  readonly version: readonly string[];
  readonly output: readonly string[];
  readonly narSize: readonly number[];
  /** What the closure would lose if the path were not entered. */
  readonly addedSize: readonly number[];
  /** The path with everything it needs. */
  readonly closureSize: readonly number[];
  /** The nearest path that every chain from the roots passes; negative where there is none. */
  readonly dominator: readonly number[];
  /** Index into the layers; -1 where none has it. */
  readonly layer: readonly number[];
  /** Positions, the path itself left out. */
  readonly references: readonly (readonly number[])[];
  /** What became of it since what it is compared with; only with a diff. */
  readonly change?: readonly PathState[];
}

export type PathState = "same" | "added" | "changed" | "rebuilt";

/** Layers: those that the image has, or those that a pack would make. */
export interface ReportLayers {
  readonly kind: "image" | "planned";
  /** Of what `size` is: the layer as stored, its tar, or its tar as far as NAR sizes tell. */
  readonly sizes: "stored" | "tar" | "estimated";
  /** Those with store paths, from the bottom up. */
  readonly list: readonly ReportLayer[];
  /** An image's layers without store paths. */
  readonly others?: { readonly layers: number; readonly size: number };
  readonly totals: { readonly size: number; readonly expectedBytes: number };
  /** Only with an earlier image. */
  readonly upgrade?: ReportUpgrade;
}

export interface ReportLayer {
  /** From the bottom up, from 0. */
  readonly number: number;
  readonly paths: number;
  readonly narSize: number;
  readonly size: number;
  /** How likely a release sends it, from 0 to 1. */
  readonly likelihood: number;
  /** What it is expected to send per release. */
  readonly expectedBytes: number;
  /** Why its paths are together; only of planned layers. */
  readonly reason?: string;
  /** Whether an upgrade finds it there; only with an earlier image. */
  readonly kept?: boolean;
  readonly digest?: string;
}

export interface ReportUpgrade {
  /** The word that named the earlier image. */
  readonly from: string;
  readonly sentLayers: number;
  readonly sentSize: number;
  readonly keptLayers: number;
  readonly keptSize: number;
  readonly changedNarSize: number;
  readonly draggedNarSize: number;
  readonly causes: readonly (ReportVersions & {
    readonly kind: ReportChangeKind;
    readonly paths: number;
    readonly narSize: number;
  })[];
}

interface ReportVersions {
  readonly name: string;
  readonly versionsBefore: readonly string[];
  readonly versionsAfter: readonly string[];
}

/** A package that is there more than once. */
export interface ReportDuplicate {
  readonly name: string;
  readonly output: string;
  readonly versions: readonly string[];
  readonly wasted: number;
  readonly saves: number;
  /** The one to keep first. */
  readonly copies: readonly { readonly path: number; readonly chain: readonly number[] }[];
}

export type ReportChangeKind = "added" | "removed" | "changed" | "rebuilt";

/** How the closure differs from another. */
export interface ReportDiff {
  /** The word that named the other. */
  readonly from: string;
  readonly before: { readonly paths: number; readonly narSize: number };
  readonly after: { readonly paths: number; readonly narSize: number };
  readonly delta: number;
  readonly unchangedPaths: number;
  readonly packages: readonly (ReportVersions & {
    readonly kind: ReportChangeKind;
    readonly delta: number;
    readonly changes: readonly ReportPathChange[];
  })[];
}

export interface ReportPathChange {
  readonly kind: ReportChangeKind;
  readonly output: string;
  readonly delta: number;
  /** `<hash>-<name>`, with its size. */
  readonly before?: { readonly base: string; readonly narSize: number };
  /** A position. */
  readonly after?: number;
}
