import type { TreeDirectory, TreeFileHead, TreeSymlink } from "../tree/tree.ts";
import { ContentsTurn } from "./contents-turn.ts";
import { NarParser, type NarEvent } from "./nar-parser.ts";

/** One entry of a tree that comes from a stream. */
export type StreamedEntry = TreeDirectory | TreeSymlink | StreamedFile;

/** A regular file whose contents are still to come. */
export interface StreamedFile extends TreeFileHead {
  /** The contents, exactly `size` bytes, once. Each chunk is valid only until the next is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
}

/**
 * What {@link parseNar} does, for bytes that come over time: from a socket, or out of a decompressor.
 * @throws NixError `nar-invalid`, with the byte's place; the signal's reason, asked for before each chunk; and whatever
 *   the chunks throw
 */
export async function* parseNarStream(
  chunks: AsyncIterable<Uint8Array>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<StreamedEntry> {
  const parser = new NarParser();
  const input = chunks[Symbol.asyncIterator]();
  const turn = new ContentsTurn();

  const nextEvent = async (): Promise<NarEvent | undefined> => {
    for (;;) {
      const event = parser.next();
      if (event !== undefined) return event;
      signal?.throwIfAborted();
      const { done, value } = await input.next();
      if (done === true) {
        parser.finish();
        return undefined;
      }
      parser.push(value);
    }
  };

  async function* contents(file: TreeFileHead): AsyncGenerator<Uint8Array> {
    turn.take(file);
    for (let missing = file.size; missing > 0;) {
      turn.check(file);
      const event = await nextEvent();
      if (event?.type !== "contents") return;
      missing -= event.chunk.length;
      yield event.chunk;
    }
  }

  try {
    for (let event = await nextEvent(); event !== undefined; event = await nextEvent()) {
      if (event.type === "contents") continue;
      turn.begin(event);
      const entry = event;
      yield entry.type === "file" ? { ...entry, chunks: () => contents(entry) } : entry;
    }
  } finally {
    await input.return?.();
  }
}
