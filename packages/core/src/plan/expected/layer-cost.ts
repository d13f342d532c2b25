/**
 * What a layer costs besides the bytes of its paths, in bytes.
 *
 * Sent: two directories and an end, which every tar has. That it is filled up to 10 KiB, and the requests of an upload, are
 * left out: with them (8 KiB) paths of some 100 KiB that a wrong rate makes look alike went together to save a little,
 * and sent up to 1.3 times as much. Kept: its lines in the manifest and the config, which every release sends.
 * With twice that, 40 paths of 4 KiB that change apart take 14 layers in place of 20 where there is room, and where all paths fit
 * more is sent than by one layer each (Fortune Cat, 50 layers, dependency bumps: 1.00005 times as much).
 */
export const BYTES_WHEN_SENT: number = 2048;
export const BYTES_WHEN_KEPT: number = 512;

/** The expected cost of a layer per release. */
export function layerCost(likelihood: number, size: number): number {
  return likelihood * (size + BYTES_WHEN_SENT) + BYTES_WHEN_KEPT;
}

/** How likely a layer of this size changes that costs this much. */
export function likelihoodAt(cost: number, size: number): number {
  return (cost - BYTES_WHEN_KEPT) / (size + BYTES_WHEN_SENT);
}
