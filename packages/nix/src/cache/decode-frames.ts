import type { Transform } from "node:stream";

/** What a decoder of `node:zlib` tells of itself. */
interface Decoder extends Transform {
  /** Bytes of input that it used. */
  readonly bytesWritten: number;
}

/**
 * Decodes frames (members) one after another, each with a decoder of its own: `node:zlib` stops at the end of one where
 * its chunk goes on. Each chunk of input must stay as it is until the next is asked for.
 */
export async function* decodeFrames(
  input: AsyncIterable<Uint8Array>,
  makeDecoder: () => Decoder,
): AsyncGenerator<Uint8Array> {
  const source = new Source(input);
  try {
    do yield* decodeFrame(source, makeDecoder());
    while (await source.hasMore());
  } finally {
    source.close();
  }
}

async function* decodeFrame(source: Source, decoder: Decoder): AsyncGenerator<Uint8Array> {
  const feeding = feed(source, decoder).catch((error: unknown) => void decoder.destroy(error as Error));
  for await (const plain of decoder) yield plain as Uint8Array;
  await feeding;
}

/** Gives a decoder its input until its frame is over; what is behind goes back. */
async function feed(source: Source, decoder: Decoder): Promise<void> {
  let fed = 0;
  let isOver = false;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  // A decoder that is at its frame's end never says that it took the chunk.
  for (const event of ["end", "close"]) {
    decoder.once(event, () => {
      isOver = true;
      resolve();
    });
  }
  for (;;) {
    const chunk = await source.next();
    if (isOver && chunk === undefined) return;
    if (chunk === undefined) {
      decoder.end();
      return;
    }
    if (!isOver) {
      fed += chunk.length;
      const taken = Promise.withResolvers<void>();
      decoder.write(chunk, () => taken.resolve());
      await Promise.race([taken.promise, over]);
    }
    const left = fed - decoder.bytesWritten;
    if (!isOver && left === 0) continue;
    await over;
    if (left > 0) source.giveBack(chunk.subarray(chunk.length - left));
    return;
  }
}

/** Chunks that may be given back. */
class Source {
  readonly #input: AsyncIterator<Uint8Array>;
  #back: Uint8Array | undefined;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  async next(): Promise<Uint8Array | undefined> {
    const back = this.#back;
    this.#back = undefined;
    if (back !== undefined) return back;
    const { done, value } = await this.#input.next();
    return done === true ? undefined : value;
  }

  giveBack(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#back = chunk;
  }

  async hasMore(): Promise<boolean> {
    for (;;) {
      const chunk = await this.next();
      if (chunk === undefined) return false;
      if (chunk.length === 0) continue;
      this.giveBack(chunk);
      return true;
    }
  }

  /** Nobody waits: where the decoder failed, a chunk may be on its way for long. */
  close(): void {
    this.#input.return?.().catch(() => {});
  }
}
