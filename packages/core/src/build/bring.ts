import { PLAIN_TAR, type ImageDraft, type Sink, type WrittenImage } from "@stowage/oci";
import { loadDraft, type LoadedImage } from "../engine/load-draft.ts";
import type { OpenEngine } from "../engine/open-engines.ts";
import type { PackOptions } from "../pack-options.ts";
import { pushDraftTo, type DraftPushes, type PushPlace } from "../registry/push-draft-to.ts";
import type { Registries } from "../registry/registry-access.ts";

/** Where an image goes. */
export interface Destinations {
  readonly sink: Sink | undefined;
  readonly places: readonly PushPlace[];
  readonly registries: Registries;
  readonly engines: readonly OpenEngine[];
}

/** What became of it there. */
export interface Brought extends DraftPushes {
  readonly loaded: readonly LoadedImage[];
}

/** Brings an image to where it goes, one place after another: what is made for one is known to the next. */
export async function bring(draft: ImageDraft, to: Destinations, options: PackOptions): Promise<Brought> {
  const { signal, attach = [] } = options;
  const { sink, places, registries, engines } = to;
  const onBytes = await reportBytes(draft, { phase: "write", times: 1 }, options);
  const made = await sink?.write(draft, { signal, onBytes });
  const onPushed = await reportBytes(draft, { phase: "push", times: places.length }, options);
  const { written, pushed, attached } = await pushDraftTo(
    draft,
    { places, registries },
    { known: made, attach, signal, onBytes: onPushed },
  );
  // Of layers that were stored compressed, others know nothing.
  const known = draft.compression === undefined ? written?.layers : undefined;
  const onLoaded = await reportBytes(draft, { phase: "load", times: engines.length }, options);
  const loaded: LoadedImage[] = [];
  let last: WrittenImage | undefined;
  for (const engine of engines) {
    const done = await loadDraft(draft, engine, { known: known ?? last?.layers, signal, onBytes: onLoaded });
    loaded.push(done.loaded);
    last = done.written;
  }
  return { written: written ?? last, pushed, attached, loaded };
}

/** Reports bytes against the sum of all layers' sizes, so many times over. */
async function reportBytes(
  draft: ImageDraft,
  { phase, times }: { readonly phase: "write" | "push" | "load"; readonly times: number },
  { signal, onProgress }: PackOptions,
): Promise<((bytes: number) => void) | undefined> {
  if (onProgress === undefined || times === 0) return undefined;
  const sizes = await Promise.all(
    draft.layers.map(async (layer) => (await layer.recall(PLAIN_TAR))?.size ?? layer.size(signal)),
  );
  const below = draft.base?.layers.map(({ size }) => size) ?? [];
  const total = times * [...below, ...sizes].reduce((sum, size) => sum + size, 0);
  let written = 0;
  return (bytes) => {
    written += bytes;
    onProgress({ phase, written, total });
  };
}
