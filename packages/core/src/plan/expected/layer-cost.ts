/**
 * What a layer costs besides the bytes of its paths, in bytes.
 *
 * Sent: the layer's tar is filled up to 10 KiB blocks (half of one in the mean) with two directories and an end in
 * it, and uploading takes three requests. Kept: a request that asks whether it is there, and its lines in the manifest
 * and the config, which every release sends.
 */
export const BYTES_WHEN_SENT: number = 8 * 1024;
export const BYTES_WHEN_KEPT: number = 1024;

/** The expected cost of a layer per release. */
export function layerCost(likelihood: number, size: number): number {
  return likelihood * (size + BYTES_WHEN_SENT) + BYTES_WHEN_KEPT;
}

/** How likely a layer of this size changes that costs this much. */
export function likelihoodAt(cost: number, size: number): number {
  return (cost - BYTES_WHEN_KEPT) / (size + BYTES_WHEN_SENT);
}
