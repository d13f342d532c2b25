import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { nixEnvironment } from "../support/nix-environment.ts";
import { generateClosure, randomNumbers, type GeneratedPath } from "./closure-generator.ts";
import { ContentSource, type ContentKind } from "./file-contents.ts";

/** How large a generated closure is. */
export interface ClosureSize {
  readonly paths: number;
  readonly files: number;
  readonly bytes: number;
}

/** A closure in a chroot store of its own, registered with its NARs' hashes. */
export interface MadeClosure {
  /** As `--store` takes it. */
  readonly store: string;
  /** The store path that the others are reached from. */
  readonly root: string;
  /** Where the paths lie on the disk. */
  readonly directories: readonly string[];
}

/** A path still to be registered. */
interface WrittenPath {
  readonly path: string;
  readonly references: readonly string[];
}

/** Files of a directory; a package with more has several. */
const FILES_IN_DIRECTORY = 40;

/**
 * Writes a closure of about this size with real files: text, programs and incompressible data, most of them small, half
 * of all bytes in the largest tenth of them, with a few symlinks.
 */
export async function makeClosure(folder: string, size: ClosureSize): Promise<MadeClosure> {
  const store = join(folder, "store");
  const generated = generateClosure(size.paths);
  const contents = new ContentSource(size.bytes);
  const shares = shareOut(generated, size);
  for (const [index, path] of generated.entries())
    writePackage(join(store, path.path), shares[index] as Share, { contents, seed: index + 1 });
  await register(store, generated);
  return made(store, generated);
}

/** The same closure after a release that rebuilt one small path, and with it the root, the only one that refers to it. */
export async function changeOnePath(store: string, size: ClosureSize): Promise<MadeClosure> {
  const generated = generateClosure(size.paths);
  const shares = shareOut(generated, size);
  const root = generated.length - 1;
  const small = smallestBelowRoot(generated);
  const rebuilt = new Map([small, root].map((index) => [generated[index]!.path, rebuild(generated[index]!)]));
  const renew = (path: string): string => rebuilt.get(path) ?? path;
  const contents = new ContentSource(size.bytes);
  const changed = [small, root].map((index) => {
    const { path, references } = generated[index]!;
    const written = { path: renew(path), references: references.map(renew).toSorted() };
    const seed = size.paths + index;
    writePackage(join(store, written.path), shares[index] as Share, { contents, seed });
    return written;
  });
  await register(store, changed);
  return made(
    store,
    generated.map(({ path, references }) => ({ path: renew(path), references })),
  );
}

/** The smallest path that nothing but the root refers to. */
function smallestBelowRoot(generated: readonly GeneratedPath[]): number {
  const root = generated.length - 1;
  const others = generated.slice(0, root);
  const referenced = new Set(
    others.flatMap(({ path, references }) => references.filter((other) => other !== path)),
  );
  const below = others.flatMap(({ path, narSize }, index) =>
    referenced.has(path) ? [] : [{ index, narSize }],
  );
  return below.toSorted((a, b) => a.narSize - b.narSize)[0]!.index;
}

/** A path of the same name and version whose hash is another. */
function rebuild({ path }: GeneratedPath): string {
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 32);
  // Hexadecimal digits are digits of Nix's base 32 too, but for the letter e.
  return path.replace(/[^/-]{32}(?=-)/, digest.replaceAll("e", "g"));
}

/** One path with one file of zeros that takes no room on the disk. */
export async function makeSparseFile(folder: string, bytes: number): Promise<MadeClosure> {
  const store = join(folder, "store");
  const path = { path: `/nix/store/${"0".repeat(32)}-sparse-1.0`, references: [] };
  mkdirSync(join(store, path.path), { recursive: true });
  const file = join(store, path.path, "zeros");
  closeSync(openSync(file, "w"));
  truncateSync(file, bytes);
  await register(store, [path]);
  return made(store, [path]);
}

function made(store: string, paths: readonly WrittenPath[]): MadeClosure {
  return {
    store: `local?root=${store}`,
    root: (paths.at(-1) as WrittenPath).path,
    directories: paths.map(({ path }) => join(store, path)),
  };
}

/** What a path gets of a closure's files and bytes. */
interface Share {
  readonly files: number;
  readonly bytes: number;
}

/** Gives bytes by the generator's sizes, cut off at a tenth of all; half of the files by them, the others evenly. */
function shareOut(paths: readonly GeneratedPath[], size: ClosureSize): Share[] {
  const whole = paths.reduce((sum, path) => sum + path.narSize, 0);
  const weights = paths.map((path) => Math.min(path.narSize, whole / 10));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => ({
    bytes: Math.ceil((size.bytes * weight) / total),
    files: Math.ceil(size.files * (0.5 / paths.length + (0.5 * weight) / total)),
  }));
}

function writePackage(
  directory: string,
  share: Share,
  { contents, seed }: { readonly contents: ContentSource; readonly seed: number },
): void {
  const random = randomNumbers(seed);
  const weights = Array.from({ length: share.files }, () => Math.exp(4 * random() ** 2 + 3 * random() ** 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    const parent = join(directory, index === 0 ? "bin" : `share/d${Math.floor(index / FILES_IN_DIRECTORY)}`);
    if (index < 2 || index % FILES_IN_DIRECTORY === 0) mkdirSync(parent, { recursive: true });
    const length = Math.floor((share.bytes * weight) / total);
    const kind = kindOf(random());
    const fd = openSync(join(parent, `file-${index}`), "w", kind === "program" ? 0o555 : 0o444);
    for (const piece of contents.take(kind, length)) writeSync(fd, piece);
    closeSync(fd);
  }
  symlinkSync("bin/file-0", join(directory, "link"));
}

function kindOf(random: number): ContentKind {
  if (random < 0.45) return "text";
  return random < 0.9 ? "program" : "random";
}

/** Puts paths into the store's database, with the hashes of the NARs that Nix itself makes of them. */
async function register(store: string, paths: readonly WrittenPath[]): Promise<void> {
  const entries: string[] = [];
  for (const { path, references } of paths) {
    const { hash, size } = await describeNar(join(store, path));
    entries.push([path, hash, size, "", references.length, ...references, ""].join("\n"));
  }
  // --register-validity would look for the paths in /nix/store, whatever the store's own root is (Nix 2.8).
  execFileSync("nix-store", ["--store", `local?root=${store}`, "--load-db"], {
    input: entries.join(""),
    env: nixEnvironment,
    stdio: ["pipe", "ignore", "pipe"],
  });
}

async function describeNar(directory: string): Promise<{ readonly hash: string; readonly size: number }> {
  const dumping = spawn("nix-store", ["--dump", directory], { stdio: ["ignore", "pipe", "inherit"] });
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of dumping.stdout) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { hash: hash.digest("hex"), size };
}
