import type { Condensation } from "./condensation.ts";

/** How many questions about a graph one walk over it answers: a bit for each. */
export const LANES = 32;

/** The places of a mask's bits, ascending. */
export function* lanesOf(mask: number): Generator<number> {
  for (let left = mask; left !== 0; left &= left - 1) yield 31 - Math.clz32(left & -left);
}

/**
 * Which of up to {@link LANES} sources reach each position, a bit for each source in the order given. A source reaches
 * itself.
 */
export function reachedBy(
  { count, componentOf, offsets, targets }: Condensation,
  sources: readonly number[],
): (position: number) => number {
  const masks = new Int32Array(count);
  for (const [lane, source] of sources.entries()) {
    const component = componentOf[source] as number;
    masks[component] = (masks[component] as number) | (1 << lane);
  }
  // Edges lead to lower numbers: what reaches a component is known before it is its turn.
  for (let component = count - 1; component >= 0; component--) {
    const mask = masks[component] as number;
    if (mask === 0) continue;
    const end = offsets[component + 1] as number;
    for (let edge = offsets[component] as number; edge < end; edge++) {
      const target = targets[edge] as number;
      masks[target] = (masks[target] as number) | mask;
    }
  }
  return (position) => masks[componentOf[position] as number] as number;
}

/**
 * For each wanted position the sources that reach it, however many there are, in the order of the sources. A source
 * reaches itself.
 */
export function sourcesReaching(
  condensation: Condensation,
  sources: readonly number[],
  wanted: readonly number[],
): Map<number, number[]> {
  const found = new Map<number, number[]>(wanted.map((position) => [position, []]));
  for (let first = 0; first < sources.length; first += LANES) {
    const batch = sources.slice(first, first + LANES);
    const maskOf = reachedBy(condensation, batch);
    for (const [position, reaching] of found) {
      for (const lane of lanesOf(maskOf(position))) reaching.push(batch[lane] as number);
    }
  }
  return found;
}
