/** Whether campaigns run in full: `pnpm test:long` sets the variable, CI does not. */
export const isLong: boolean = process.env["STOWAGE_LONG"] === "1";

/** Which part of a campaign in full runs here, `2/8` the second of eight; default all of it. */
const [part = 1, parts = 1] = (process.env["STOWAGE_PART"] ?? "1/1").split("/").map(Number);

/** How large a campaign is: CI runs a share of it. */
export function campaignSize(size: { readonly ci: number; readonly long: number }): number {
  return isLong ? size.long : size.ci;
}

/**
 * The part of a campaign's cases that runs here: in full all of them, or every n-th for one of n parts; else `ci` of them, drawn evenly over the list in
 * its order, each from its own stretch. The seed is fixed, so CI always runs the same.
 */
export function share<T>(cases: readonly T[], ci: number): readonly T[] {
  if (isLong) return cases.filter((_, index) => index % parts === part - 1);
  if (ci >= cases.length) return cases;
  const random = seededRandom(0x57074a6e);
  const stretch = cases.length / ci;
  return Array.from({ length: ci }, (_, index) => {
    const [start, end] = [Math.floor(index * stretch), Math.floor((index + 1) * stretch)];
    return cases[start + Math.floor(random() * (end - start))] as T;
  });
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Works on two items at a time: a command that is started leaves half of two processors idle. */
export async function inTwoLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all([lane(), lane()]);
}
