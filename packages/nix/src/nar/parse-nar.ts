import type { TreeEntry, TreeFileHead } from "../tree/tree.ts";
import { ContentsTurn } from "./contents-turn.ts";
import { NarParser, type NarEvent } from "./nar-parser.ts";

/**
 * The entries of a NAR, read from its bytes as they are needed, in chunks of any size. A file's contents can be read
 * once, before the next entry is asked for; where nobody does they are passed over. Only when the generator ends by
 * itself is the NAR known to be whole. Strict as {@link NarParser} is.
 * @throws NixError `nar-invalid`, with the byte's place; and whatever the chunks throw
 */
export function* parseNar(chunks: Iterable<Uint8Array>): Generator<TreeEntry> {
  const parser = new NarParser();
  const input = chunks[Symbol.iterator]();
  const turn = new ContentsTurn();

  const nextEvent = (): NarEvent | undefined => {
    for (;;) {
      const event = parser.next();
      if (event !== undefined) return event;
      const { done, value } = input.next();
      if (done === true) {
        parser.finish();
        return undefined;
      }
      parser.push(value);
    }
  };

  function* contents(file: TreeFileHead): Generator<Uint8Array> {
    turn.take(file);
    for (let missing = file.size; missing > 0;) {
      turn.check(file);
      const event = nextEvent();
      if (event?.type !== "contents") return;
      missing -= event.chunk.length;
      yield event.chunk;
    }
  }

  try {
    for (let event = nextEvent(); event !== undefined; event = nextEvent()) {
      if (event.type === "contents") continue;
      turn.begin(event);
      const entry = event;
      yield entry.type === "file" ? { ...entry, chunks: () => contents(entry) } : entry;
    }
  } finally {
    input.return?.();
  }
}
