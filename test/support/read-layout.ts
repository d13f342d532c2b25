import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "@stowage/oci";

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * The image names in a layout's index, with the digest of each one's manifest.
 * @throws Error when something that the index leads to is missing or has another digest or size
 */
export function readLayoutNames(place: string): ReadonlyMap<string, string> {
  const blob = ({ digest, size }: Descriptor): Buffer => {
    const bytes = readFileSync(join(place, "blobs/sha256", digest.slice("sha256:".length)));
    if (digestOf(bytes) !== digest || bytes.length !== size)
      throw new Error(`${place}: ${digest} is damaged`);
    return bytes;
  };
  const index = JSON.parse(readFileSync(join(place, "index.json"), "utf8")) as {
    readonly manifests: readonly Descriptor[];
  };
  return new Map(
    index.manifests.map((descriptor) => {
      const manifest = JSON.parse(blob(descriptor).toString()) as {
        readonly config: Descriptor;
        readonly layers: readonly Descriptor[];
      };
      for (const part of [manifest.config, ...manifest.layers]) blob(part);
      return [descriptor.annotations?.["io.containerd.image.name"] ?? "", descriptor.digest] as const;
    }),
  );
}

/**
 * What is at a path: of a file its digest, of a folder that of each file in it by name, of a link where it leads;
 * undefined for nothing.
 */
export function fingerprint(path: string): Readonly<Record<string, string>> | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isFile()) return { "": digestOf(readFileSync(path)) };
  const names = readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(names.map((name) => [name, fingerprintOf(join(path, name))]));
}

function fingerprintOf(path: string): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  return stats.isDirectory() ? "/" : digestOf(readFileSync(path));
}
