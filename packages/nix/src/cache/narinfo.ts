import { NixError } from "../errors.ts";
import { parseNarHash, type NarHash } from "../nar-hash.ts";
import { isStorePathBaseName, parseStorePath, sortStorePaths, type StorePath } from "../store-path.ts";

/** How Nix compresses NARs in a binary cache (Nix 2.34, `src/libutil/compression.cc`); those that are read here. */
export const narCompressions = ["none", "xz", "zstd", "gzip", "bzip2", "br"] as const;
export type NarCompression = (typeof narCompressions)[number];

/** What a binary cache says of one store path. Nothing of it counts before its signature or content address is checked. */
export interface NarInfo {
  readonly path: StorePath;
  /** Where the NAR is, relative to the cache. */
  readonly url: string;
  readonly compression: NarCompression;
  /** SHA-256 of the compressed NAR, where the cache says it. */
  readonly fileHash: NarHash | undefined;
  /** Bytes of the compressed NAR, where the cache says it. */
  readonly fileSize: number | undefined;
  readonly narHash: NarHash;
  readonly narSize: number;
  /** Sorted by byte value. */
  readonly references: readonly StorePath[];
  /** `<key's name>:<base 64>` each. */
  readonly signatures: readonly string[];
  /** How the path follows from its contents, where it does: `fixed:r:sha256:…`, `text:sha256:…`. */
  readonly contentAddress: string | undefined;
}

/** Fields that may come once only. */
const single = [
  "StorePath",
  "URL",
  "Compression",
  "FileHash",
  "FileSize",
  "NarHash",
  "NarSize",
  "CA",
] as const;
type Single = (typeof single)[number];

/**
 * Reads a `.narinfo` file (Nix 2.34, `src/libstore/nar-info.cc`): a field a line, `Name: value`, unknown ones passed over.
 * The deriver is passed over too: no signature covers it.
 * @param asked the path that was asked for; the file must be about it
 * @param from what errors call the file
 * @throws NixError `cache-corrupted`; `cache-unsupported` for a compression that nobody here reads
 */
export function parseNarInfo(text: string, asked: StorePath, from: string): NarInfo {
  const storeDir = asked.slice(0, asked.lastIndexOf("/"));
  const fields = readFields(text, from);
  const need = (name: Single): string => {
    const value = fields.single.get(name);
    if (value === undefined || value === "") throw corrupted(from, `it has no ${name}`);
    return value;
  };
  const read = <T>(name: string, value: string, parse: (value: string) => T): T => {
    try {
      return parse(value);
    } catch (cause) {
      throw corrupted(from, `its ${name} is wrong: ${(cause as Error).message}`, cause);
    }
  };
  const path = read("StorePath", need("StorePath"), (value) => parseStorePath(value, storeDir));
  if (path !== asked) throw corrupted(from, `it is about ${path}, not about ${asked}`);
  const optional = <T>(name: Single, parse: (value: string) => T): T | undefined => {
    const value = fields.single.get(name);
    return value === undefined ? undefined : read(name, value, parse);
  };
  const narSize = read("NarSize", need("NarSize"), parseSize);
  if (narSize === 0) throw corrupted(from, "its NarSize is 0");
  return {
    path,
    url: need("URL"),
    compression: readCompression(fields.single.get("Compression"), from),
    fileHash: optional("FileHash", parseNarHash),
    fileSize: optional("FileSize", parseSize),
    narHash: read("NarHash", need("NarHash"), parseNarHash),
    narSize,
    references: readReferences(fields.references, storeDir, from),
    signatures: fields.signatures,
    contentAddress: fields.single.get("CA"),
  };
}

interface Fields {
  readonly single: ReadonlyMap<string, string>;
  readonly signatures: readonly string[];
  readonly references: string;
}

function readFields(text: string, from: string): Fields {
  const values = new Map<string, string>();
  const signatures: string[] = [];
  if (!text.endsWith("\n")) throw corrupted(from, "it is cut off");
  for (const [index, line] of text.slice(0, -1).split("\n").entries()) {
    const at = line.indexOf(": ");
    // Nix writes `References: ` for none; an editor that trims lines leaves `References:`.
    const name = at === -1 ? line.replace(/:$/, "") : line.slice(0, at);
    if (at === -1 && !line.endsWith(":"))
      throw corrupted(from, `line ${index + 1} is not a name and a value`);
    const value = at === -1 ? "" : line.slice(at + 2);
    if (name === "Sig") signatures.push(value);
    else if (name === "References" || isSingle(name)) {
      if (values.has(name)) throw corrupted(from, `it has ${name} twice`);
      values.set(name, value);
    }
  }
  return { single: values, signatures, references: values.get("References") ?? "" };
}

function isSingle(name: string): name is Single {
  return (single as readonly string[]).includes(name);
}

function readReferences(text: string, storeDir: string, from: string): readonly StorePath[] {
  const names = text.split(" ").filter((name) => name !== "");
  const wrong = names.find((name) => !isStorePathBaseName(name));
  if (wrong !== undefined) throw corrupted(from, `its reference '${wrong}' is no store path's name`);
  return sortStorePaths(names.map((name) => `${storeDir}/${name}` as StorePath));
}

/** Bzip2 where nothing is said: what the first caches had. */
function readCompression(name: string | undefined, from: string): NarCompression {
  const said = name === undefined || name === "" ? "bzip2" : name;
  const known = narCompressions.find((each) => each === said);
  if (known !== undefined) return known;
  throw new NixError("cache-unsupported", `${from}: nobody here reads NARs compressed with '${said}'`, {
    path: from,
    hint: `Of what Nix writes these are read: ${narCompressions.join(", ")}.`,
  });
}

function parseSize(text: string): number {
  const size = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(size)) throw new Error(`'${text}' is no size`);
  return size;
}

function corrupted(from: string, reason: string, cause?: unknown): NixError {
  return new NixError("cache-corrupted", `${from} is damaged: ${reason}`, {
    path: from,
    cause,
    hint: "Ask the cache's owner to mend it, or take another cache.",
  });
}
