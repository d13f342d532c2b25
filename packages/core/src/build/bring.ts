import type { ImageDraft, Sink, WrittenImage } from "@stowage/oci";
import { loadDraft, type LoadedImage } from "../engine/load-draft.ts";
import type { OpenEngine } from "../engine/open-engines.ts";
import type { PackOptions } from "../pack-options.ts";
import type { ProgressReport } from "../pack-progress.ts";
import type { EarlyHints } from "../registry/early-hints.ts";
import { pushDraftTo, type DraftPushes, type PushPlace } from "../registry/push-draft-to.ts";
import type { Registries } from "../registry/registry-access.ts";
import { whileReplaced } from "./while-replaced.ts";

/** Where an image goes. */
export interface Destinations {
  readonly sink: Sink | undefined;
  readonly places: readonly PushPlace[];
  readonly registries: Registries;
  readonly hints: EarlyHints | undefined;
  readonly engines: readonly OpenEngine[];
}

/** What became of it there. */
export interface Brought extends DraftPushes {
  readonly loaded: readonly LoadedImage[];
}

/** Brings an image to where it goes, one place after another: what is made for one is known to the next. */
export async function bring(
  draft: ImageDraft,
  to: Destinations,
  {
    progress,
    signal,
    attach = [],
  }: Pick<PackOptions, "signal" | "attach"> & { readonly progress: ProgressReport },
): Promise<Brought> {
  const { sink, places, registries, hints, engines } = to;
  const onBytes = await progress.begin(draft, "write", { times: 1, signal });
  const made = sink && (await whileReplaced(() => sink.write(draft, { signal, onBytes })));
  const onPushed = await progress.begin(draft, "push", { times: places.length, signal });
  const { written, pushed, attached } = await whileReplaced(() =>
    pushDraftTo(draft, { places, registries, hints }, { known: made, attach, signal, onBytes: onPushed }),
  );
  // Of layers that were stored compressed, others know nothing.
  const known = draft.compression === undefined ? written?.layers : undefined;
  const onLoaded = await progress.begin(draft, "load", { times: engines.length, signal });
  const loaded: LoadedImage[] = [];
  let last: WrittenImage | undefined;
  for (const engine of engines) {
    const done = await loadDraft(draft, engine, { known: known ?? last?.layers, signal, onBytes: onLoaded });
    loaded.push(done.loaded);
    last = done.written;
  }
  return { written: written ?? last, pushed, attached, loaded };
}
