import pLimit from "p-limit";

/** How many blobs are on their way at once: more wait for the same wire, fewer leave it idle while a registry thinks. */
const BLOBS_AT_ONCE = 4;

/**
 * Does something for each item, a few at a time. The first failure stops the others, and nothing is thrown before all of
 * them have stopped.
 */
export async function together<Item, Result>(
  items: readonly Item[],
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result[]> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const limit = pLimit(BLOBS_AT_ONCE);
  const outcomes = await Promise.allSettled(
    items.map((item) =>
      limit(async () => {
        try {
          either.throwIfAborted();
          return await work(item, either);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    ),
  );
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Result>).value);
}
