import { readTree, storePathHashPart, type StorePath, type TreeFile, type TreeLocation } from "@stowage/nix";
import { Breather } from "../breather.ts";
import { escapeBytes } from "./escape-bytes.ts";
import { inspectKinds, type ReferenceKind } from "./reference-kind.ts";
import { ByteScanner, scanBytes, type Hit } from "./scan-bytes.ts";

/** One place where a store path's hash part stands in another's files. */
export interface Occurrence {
  /** Relative to the store path, escaped as {@link escapeBytes} does; empty where the path itself is the file. */
  readonly file: string;
  /** Bytes from the start of the file, the symlink's target or the name to the hash part. */
  readonly offset: number;
  readonly kind: ReferenceKind;
  /** What stands there, with its surroundings on the same line or in the same string, escaped. */
  readonly excerpt: string;
}

/** Where a store path refers to another. */
export interface PreciseReference {
  readonly from: StorePath;
  readonly to: StorePath;
  /** All occurrences, also those that are not listed. */
  readonly count: number;
  /** The first ones in NAR order. */
  readonly occurrences: readonly Occurrence[];
}

/** How much is listed. */
export interface PreciseOptions {
  /** How many occurrences of each reference are listed; default 20. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds where a store path names others, in its files' contents, symlink targets and file names: the places that
 * Nix's scanner made references of. Reads the path once, with bounded memory; ELF files with a hit a little more. The
 * signal is heard within a file too, however large it is.
 * @param location where the tree of `from` is
 * @throws NixError `path-unreadable`, `path-corrupted`; the signal's reason when aborted
 */
export async function findReferences(
  from: StorePath,
  to: readonly StorePath[],
  location: TreeLocation,
  options: PreciseOptions = {},
): Promise<PreciseReference[]> {
  const needles = to.map((path) => Buffer.from(storePathHashPart(path)));
  const found = to.map(() => ({ count: 0, occurrences: [] as Occurrence[] }));
  const limit = options.limit ?? 20;
  const breather = new Breather(options.signal);
  const note = (needle: number, describe: () => Occurrence): void => {
    const entry = found[needle] as (typeof found)[number];
    entry.count++;
    if (entry.occurrences.length < limit) entry.occurrences.push(describe());
  };
  if (needles.length > 0) {
    for (const entry of readTree(location)) {
      await breather.breathe();
      const file = escapeBytes(entry.path);
      const name = entry.path.subarray(entry.path.lastIndexOf("/") + 1);
      scanBytes(name, needles, (hit) => note(hit.needle, () => describeHit(file, hit, "file-name")));
      if (entry.type === "symlink") {
        const kind = "symlink-target";
        scanBytes(entry.target, needles, (hit) => note(hit.needle, () => describeHit(file, hit, kind)));
      }
      if (entry.type === "file") await scanFile(entry, { needles, note, breather });
    }
  }
  return to.map((path, index) => ({ from, to: path, ...(found[index] as (typeof found)[number]) }));
}

interface Scan {
  readonly needles: readonly Buffer[];
  readonly note: (needle: number, describe: () => Occurrence) => void;
  readonly breather: Breather;
}

/** The kinds wait until the file is read: its chunks share one buffer with a second look at it. */
async function scanFile(file: TreeFile, { needles, note, breather }: Scan): Promise<void> {
  const name = escapeBytes(file.path);
  const listed: { occurrence: Mutable<Occurrence>; needle: Buffer }[] = [];
  const scanner = new ByteScanner(needles, (hit) =>
    note(hit.needle, () => {
      const occurrence = describeHit(name, hit, "text");
      listed.push({ occurrence, needle: needles[hit.needle] as Buffer });
      return occurrence;
    }),
  );
  for (const chunk of file.chunks()) {
    scanner.push(chunk);
    await breather.breathe();
  }
  scanner.finish();
  if (listed.length === 0) return;
  const kindOf = await inspectKinds(file, breather);
  for (const { occurrence, needle } of listed) {
    occurrence.kind = kindOf(occurrence.offset);
    if (occurrence.kind === "rpath" || occurrence.kind === "runpath") {
      occurrence.excerpt = onlyFolder(occurrence.excerpt, needle.toString("latin1"));
    }
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Of a search path the folder that is meant. */
function onlyFolder(searchPath: string, hash: string): string {
  return searchPath.split(":").find((folder) => folder.includes(hash)) ?? searchPath;
}

function describeHit(file: string, hit: Hit, kind: ReferenceKind): Occurrence {
  const { around, at, offset } = hit;
  const start = around.subarray(0, at).findLastIndex(isBreak) + 1;
  const end = around.findIndex((byte, index) => index >= at && isBreak(byte));
  return { file, offset, kind, excerpt: escapeBytes(around.subarray(start, end === -1 ? undefined : end)) };
}

const isBreak = (byte: number): boolean => byte === 0 || byte === 10;
