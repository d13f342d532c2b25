import { NixError } from "../errors.ts";
import { parseNarHash } from "../nar-hash.ts";
import { parseStorePath, sortStorePaths, type StorePath } from "../store-path.ts";
import { findJsonError } from "./json-position.ts";
import type { ClosureText, ListedPath } from "./listed-path.ts";
import { storeDirOf } from "./store-dir-of.ts";

/**
 * Reads a closure in any of the JSON forms that Nix prints:
 *
 * - `nix path-info --json` up to Nix 2.18 and in Lix: an array of objects with `path`;
 * - of Nix 2.19 and later (`--json-format 1`): an object keyed by path, null for an invalid one;
 * - of Nix 2.33 and later (`--json-format 2`, `3`): `{version, storeDir, info}` with base names in place of paths; the
 *   two differ in signatures only;
 * - `exportReferencesGraph` with structured attributes: one such array, or the whole `.attrs.json` around them, which
 *   names the roots.
 *
 * @throws NixError `format-invalid` with line and column, or with the place in the document; `path-invalid` where the
 * text itself says that a path is not valid
 */
export function parseJsonClosure(text: string): ClosureText {
  const document = parseJson(text);
  const { storeDir, entries, roots } = findEntries(document);
  const paths = new PathReader(storeDir);
  return {
    storeDir,
    paths: entries.map((entry) => readEntry(entry, paths)),
    ...(roots === undefined ? {} : { roots: readRoots(roots, paths) }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const place = findJsonError(text);
    const where = place === undefined ? "" : ` at line ${place.line}, column ${place.column}`;
    const what = place?.isCutOff === true ? "ends too early" : "is not JSON";
    throw new NixError("format-invalid", `the closure's text ${what}${where}`, {
      cause,
      hint: "Give what nix path-info --json --recursive prints, whole.",
    });
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

/** One path's entry, with where it is in the document. */
interface Entry {
  readonly place: string;
  readonly path: unknown;
  readonly fields: unknown;
}

interface Entries {
  readonly storeDir: string;
  readonly entries: readonly Entry[];
  /** What `exportReferencesGraph` names, where the whole of the structured attributes is there. */
  readonly roots?: readonly unknown[];
}

function findEntries(document: unknown): Entries {
  if (Array.isArray(document)) return wholePaths(arrayEntries(document, ""));
  if (!isObject(document)) throw invalid("", "is neither an array nor an object");
  if (isObject(document["info"])) return versionedEntries(document, document["info"]);
  const keys = Object.keys(document);
  if (keys.length > 0 && keys.every((key) => key.startsWith("/")))
    return wholePaths(keyedEntries(document, ""));
  const graphs = Object.entries(document).filter(([, value]) => isGraph(value));
  if (graphs.length === 0) throw invalid("", "has no form that Nix gives a closure");
  const entries = graphs.flatMap(([name, value]) => arrayEntries(value as unknown[], `.${name}`));
  const asked = document["exportReferencesGraph"];
  if (!isObject(asked)) return wholePaths(entries);
  return { ...wholePaths(entries), roots: Object.keys(asked).flatMap((name) => asked[name]) };
}

/** A member of structured attributes that is a reference graph. */
function isGraph(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (entry) => isObject(entry) && typeof entry["path"] === "string" && Array.isArray(entry["references"]),
    )
  );
}

function arrayEntries(values: readonly unknown[], place: string): Entry[] {
  return values.map((fields, index) => ({
    place: `${place}[${index}]`,
    path: isObject(fields) ? fields["path"] : undefined,
    fields,
  }));
}

function keyedEntries(values: JsonObject, place: string): Entry[] {
  return Object.entries(values).map(([path, fields]) => ({
    place: `${place}[${JSON.stringify(path)}]`,
    path,
    fields,
  }));
}

function wholePaths(entries: readonly Entry[]): Entries {
  const [first] = entries;
  if (first === undefined) throw invalid("", "holds no store path");
  if (typeof first.path !== "string") throw invalid(`${first.place}.path`, "is not a string");
  return { storeDir: storeDirOf(first.path), entries };
}

function versionedEntries(document: JsonObject, info: JsonObject): Entries {
  const { version, storeDir } = document;
  if (version !== 2 && version !== 3)
    throw invalid(".version", `is ${JSON.stringify(version)}; 2 and 3 are known`);
  if (typeof storeDir !== "string" || !storeDir.startsWith("/"))
    throw invalid(".storeDir", "is not a directory");
  const entries = keyedEntries(info, ".info");
  if (entries.length === 0) throw invalid(".info", "holds no store path");
  return { storeDir, entries };
}

function readEntry({ place, path, fields }: Entry, paths: PathReader): ListedPath {
  if (fields === null || (isObject(fields) && fields["valid"] === false)) {
    throw new NixError(
      "path-invalid",
      `the closure's text says that ${String(path)} is not valid (${place})`,
      {
        path: String(path),
        hint: "Build it, then export the closure again.",
      },
    );
  }
  if (!isObject(fields)) throw invalid(place, "is not an object");
  const { narHash, narSize, references, deriver } = fields;
  if (!Array.isArray(references)) throw invalid(`${place}.references`, "is not an array");
  if (!Number.isSafeInteger(narSize) || (narSize as number) < 0) {
    throw invalid(`${place}.narSize`, "is not a number of bytes");
  }
  return {
    path: paths.read(path, () => `${place}.path`),
    references: sortStorePaths(
      references.map((reference, index) => paths.read(reference, () => `${place}.references[${index}]`)),
    ),
    ...(typeof deriver === "string" && deriver !== "" ? { deriver: fullPath(deriver, paths.storeDir) } : {}),
    nar: { hash: readHash(narHash, `${place}.narHash`), size: narSize as number },
  };
}

/** Nix takes one path or a list of them for each graph, and paths inside store paths too. */
function readRoots(roots: readonly unknown[], paths: PathReader): StorePath[] {
  const place = (): string => ".exportReferencesGraph";
  return [...new Set(roots.map((root) => paths.read(withoutSubpath(root, paths.storeDir), place)))];
}

function withoutSubpath(path: unknown, storeDir: string): unknown {
  if (typeof path !== "string" || !path.startsWith(`${storeDir}/`)) return path;
  return path.split("/", storeDir.split("/").length + 1).join("/");
}

/** Reads paths, whole or as base names. Each is checked once, and is one string wherever it stands. */
class PathReader {
  readonly storeDir: string;
  readonly #known = new Map<string, StorePath>();

  constructor(storeDir: string) {
    this.storeDir = storeDir;
  }

  /** @param place where it is in the document; a closure has 100,000 references, so it is only asked for at an error */
  read(value: unknown, place: () => string): StorePath {
    if (typeof value !== "string") throw invalid(place(), "is not a string");
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    try {
      const path = parseStorePath(fullPath(value, this.storeDir), this.storeDir);
      this.#known.set(value, path);
      return path;
    } catch (cause) {
      const given = JSON.stringify(value.slice(0, 300));
      throw invalid(place(), `is not a store path in ${this.storeDir}: ${given}`, cause);
    }
  }
}

function readHash(value: unknown, place: string): NonNullable<ListedPath["nar"]>["hash"] {
  try {
    return parseNarHash(value as string);
  } catch (cause) {
    throw invalid(place, "is not a SHA-256 as Nix writes it", cause);
  }
}

function fullPath(path: string, storeDir: string): string {
  return path.startsWith("/") ? path : `${storeDir}/${path}`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(place: string, problem: string, cause?: unknown): NixError {
  const subject = place === "" ? "the document" : place.slice(0, 300);
  return new NixError("format-invalid", `the closure's text: ${subject} ${problem}`, {
    cause,
    hint: "Give what nix path-info --json --recursive prints, or what exportReferencesGraph wrote.",
  });
}
