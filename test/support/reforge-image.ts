import { readFileSync } from "node:fs";
import { join } from "node:path";
import { forgeFiles, type ForgedLayer } from "./forge-image.ts";

/** What is changed of an image before it is put together again, with digests that are right for what it then is. */
export interface Change {
  /** A layer's tar; `undefined` leaves it out. */
  readonly layer?: (tar: Buffer, index: number) => Buffer | undefined;
  readonly config?: (config: ImageConfig) => unknown;
}

interface ImageConfig {
  readonly config: Record<string, unknown>;
  readonly history: readonly { readonly created_by: string }[];
  readonly [key: string]: unknown;
}

/** The files of a layout that holds one image made by Stowage, changed. */
export function reforge(layout: string, change: Change): Map<string, Buffer> {
  const read = (name: string): Buffer => readFileSync(join(layout, name));
  const json = (name: string): never => JSON.parse(read(name).toString()) as never;
  const blob = (descriptor: { digest: string }): string => `blobs/sha256/${descriptor.digest.slice(7)}`;
  type Descriptor = { digest: string };
  const index: { manifests: Descriptor[] } = json("index.json");
  const manifest: { config: Descriptor; layers: Descriptor[] } = json(blob(index.manifests[0] as Descriptor));
  const config: ImageConfig = json(blob(manifest.config));
  const kept = manifest.layers.flatMap((descriptor, at) => {
    const bytes = read(blob(descriptor));
    const changed = change.layer === undefined ? bytes : change.layer(bytes, at);
    return changed === undefined ? [] : [{ at, layer: { stored: changed } satisfies ForgedLayer }];
  });
  const history = kept.map(({ at }) => config.history[at]);
  return forgeFiles(
    kept.map(({ layer }) => layer),
    {
      config: ({ rootfs }) => {
        const rebuilt = { ...config, rootfs, history } as ImageConfig;
        return change.config === undefined ? rebuilt : change.config(rebuilt);
      },
    },
  );
}
