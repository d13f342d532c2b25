import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forgeMember, forgeTar } from "./tar-forge.ts";

/** A layer as it is stored, and the tar it stands for. */
export interface ForgedLayer {
  readonly stored: Buffer;
  readonly tar?: Buffer;
  readonly mediaType?: string;
}

/** An image's documents, each to be changed before it is written; digests of what follows are right. */
export interface ForgeOptions {
  readonly config?: (config: Record<string, unknown>) => unknown;
  readonly manifest?: (manifest: Record<string, unknown>) => unknown;
  readonly index?: (index: Record<string, unknown>) => unknown;
}

const oci = "application/vnd.oci.image";

/** Files of a layout that holds one image of these layers, by name. */
export function forgeFiles(layers: readonly ForgedLayer[], options: ForgeOptions = {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const keep = <T>(value: T): T => value;
  const put = (bytes: Buffer): { digest: string; size: number } => {
    files.set(`blobs/sha256/${sha256(bytes)}`, bytes);
    return { digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const json = (value: unknown): Buffer =>
    Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  const described = layers.map(({ stored, mediaType = `${oci}.layer.v1.tar` }) => ({
    mediaType,
    ...put(stored),
  }));
  const config = {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: {
      type: "layers",
      diff_ids: layers.map(({ stored, tar = stored }) => `sha256:${sha256(tar)}`),
    },
    history: layers.map(() => ({ created_by: "test" })),
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: { mediaType: `${oci}.config.v1+json`, ...put(json((options.config ?? keep)(config))) },
    layers: described,
  };
  const listed = {
    mediaType: `${oci}.manifest.v1+json`,
    ...put(json((options.manifest ?? keep)(manifest))),
  };
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  files.set("index.json", json((options.index ?? keep)({ schemaVersion: 2, manifests: [listed] })));
  return files;
}

/** The files as an archive. */
export function toArchive(files: ReadonlyMap<string, Buffer>): Buffer {
  return forgeTar(...[...files].map(([name, contents]) => forgeMember({ name }, contents)));
}

/** Writes the files as a layout directory. */
export function writeLayout(folder: string, files: ReadonlyMap<string, Buffer>): void {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  for (const [name, contents] of files) writeFileSync(join(folder, name), contents);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
