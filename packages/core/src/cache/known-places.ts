import { createHash } from "node:crypto";
import { parseReference, type BlobPlaces, type Digest } from "@stowage/oci";
import { Remembered } from "./remembered.ts";

/** To be raised with any change to what is remembered. */
const FORMAT = 1;
/** A file takes a block of the disk: 32 MiB at 4 KiB. An image has up to 125 layers. */
const MAX_ENTRIES = 8192;
/** One may be gone, or not be for everybody. */
const MAX_REPOSITORIES = 4;

/** In which repositories blobs lie, remembered from one process to the next; an entry that is damaged is none. */
export class KnownPlaces extends Remembered implements BlobPlaces {
  constructor(environment: NodeJS.ProcessEnv) {
    super(environment, {
      name: "blob-places",
      title: "what is known of registries",
      maxEntries: MAX_ENTRIES,
    });
  }

  find(domain: string, digest: Digest): readonly string[] {
    const key = keyOf(domain, digest);
    const entry = this.entries.get(key);
    try {
      return entry === undefined ? [] : decode(key, domain, entry.toString());
    } catch {
      return [];
    }
  }

  add(domain: string, digest: Digest, repository: string): void {
    const before = this.find(domain, digest);
    if (before[0] === repository) return;
    const others = before.filter((name) => name !== repository);
    this.#put(domain, digest, [repository, ...others].slice(0, MAX_REPOSITORIES));
  }

  drop(domain: string, digest: Digest, repository: string): void {
    const before = this.find(domain, digest);
    if (before.includes(repository))
      this.#put(
        domain,
        digest,
        before.filter((name) => name !== repository),
      );
  }

  #put(domain: string, digest: Digest, repositories: readonly string[]): void {
    const key = keyOf(domain, digest);
    if (repositories.length === 0) this.entries.remove(key);
    else this.entries.put(key, JSON.stringify({ key, repositories }));
  }
}

function decode(key: string, domain: string, text: string): readonly string[] {
  const entry = JSON.parse(text) as { readonly key: unknown; readonly repositories: readonly unknown[] };
  if (entry.key !== key) return [];
  return entry.repositories.filter(
    (name): name is string =>
      typeof name === "string" && parseReference(`${domain}/${name}`).repository === name,
  );
}

function keyOf(domain: string, digest: Digest): string {
  return createHash("sha256")
    .update(JSON.stringify({ format: FORMAT, domain, digest }))
    .digest("hex");
}
