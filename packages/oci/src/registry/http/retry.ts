import { setTimeout as sleep } from "node:timers/promises";
import type { OciError } from "../../errors.ts";
import { PassingFault } from "./fault.ts";

/** How failures that may pass are met. */
export interface RetryPolicy {
  /** Attempts in a row that may fail before the failure counts. */
  readonly attempts: number;
  /** The first pause is up to so many milliseconds; each further one up to twice the one before. */
  readonly firstPause: number;
  /** No pause of our own is longer, in milliseconds. */
  readonly longestPause: number;
  /** A registry may ask for a pause up to so many milliseconds; one that asks for more has failed. */
  readonly longestAsked: number;
}

/** With one request in five failing, 9 in a row do so once in two million times. */
export const defaultRetryPolicy: RetryPolicy = {
  attempts: 9,
  firstPause: 200,
  longestPause: 5_000,
  longestAsked: 120_000,
};

/** What can be done without is asked for so often where each answer is "later", which takes 2 s. */
const OPTIONAL_ATTEMPTS = 5;

/** A failure after which the same is tried again. */
export interface Retry {
  readonly error: OciError;
  /** In how many milliseconds. */
  readonly pause: number;
}

/**
 * Calls `attempt` until it succeeds, fails for good, or has failed too often in a row. Pauses grow and have a random part,
 * so that many clients that failed together do not come back together.
 * @param attempt is told whether something moved since the last failure by calling `progressed`
 */
export async function retrying<Result>(
  attempt: (progressed: () => void) => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  const patience = new Patience(options);
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await attempt(() => patience.progressed());
    } catch (fault) {
      await patience.after(fault);
    }
  }
}

export interface RetryOptions {
  readonly policy: RetryPolicy;
  /** Whether what is asked for can be done without: who says "later" has less patience then, a network that fails is waited for as ever. */
  readonly isOptional?: boolean | undefined;
  /** Told before each pause. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Counts failures in a row, and waits between them. */
export class Patience {
  readonly #options: RetryOptions;
  #failures = 0;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Something moved: failures so far do not count. */
  progressed(): void {
    this.#failures = 0;
  }

  /**
   * Waits before the next attempt.
   * @throws what failed, where no further attempt is worth it
   */
  async after(fault: unknown): Promise<void> {
    const { policy, isOptional = false, onRetry, signal } = this.#options;
    signal?.throwIfAborted();
    if (!(fault instanceof PassingFault)) throw fault;
    this.#failures++;
    const isHasty = isOptional && fault.error.code !== "registry-unreachable";
    const attempts = fault.attempts ?? (isHasty ? OPTIONAL_ATTEMPTS : policy.attempts);
    if (this.#failures >= Math.min(policy.attempts, attempts)) throw fault.error;
    const pause = pauseAfter(this.#failures, fault.retryAfter, policy);
    if (pause === undefined) throw fault.error;
    onRetry?.({ error: fault.error, pause });
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() =>
      signal?.throwIfAborted(),
    );
  }
}

/** Milliseconds to wait; undefined where the other side asks for more than anybody waits. */
function pauseAfter(failures: number, asked: number | undefined, policy: RetryPolicy): number | undefined {
  const most = Math.min(policy.firstPause * 2 ** (failures - 1), policy.longestPause);
  const own = most * (0.5 + Math.random() / 2);
  if (asked === undefined) return own;
  return asked > policy.longestAsked ? undefined : Math.max(asked, own);
}

/** `Retry-After`, seconds or a date (RFC 9110, 10.2.3), in milliseconds from now. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
