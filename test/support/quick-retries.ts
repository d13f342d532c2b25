import type { RetryPolicy } from "@stowage/oci";

/** As many attempts as by default, with hardly a pause between them. */
export const quickRetries: RetryPolicy = {
  attempts: 9,
  firstPause: 1,
  longestPause: 4,
  longestAsked: 60_000,
};
