// When a request is sent again.

import { ConnectionFailed, TimedOut } from "./errors.js";
import { Problem } from "./problem.js";

/** The request was not carried out, and the same one may succeed soon. */
const PASSING: ReadonlySet<number> = new Set([423, 429, 503]);

/**
 * How often, and how long in between. Only requests that are idempotent by their method, or that
 * have a condition, are repeated. The answer to a repetition can be that of a request which was
 * carried out already although its answer was lost: 404 to a removal, 412 to a conditional write.
 */
export interface Retries {
  /** With the first one: 1 never repeats. */
  attempts: number;
  /** Milliseconds; the longest wait before the first repetition. It doubles each time. */
  firstWait: number;
  /** Milliseconds. A gateway that asks for more gets no repetition. */
  longestWait: number;
}

export const DEFAULT_RETRIES: Retries = { attempts: 4, firstWait: 250, longestWait: 30_000 };

/** How long to wait after attempt number `attempt` failed; `undefined` to give up. */
export function waitAfter(retries: Retries, failure: unknown, attempt: number): number | undefined {
  if (attempt >= retries.attempts) return undefined;
  const longest = Math.min(retries.longestWait, retries.firstWait * 2 ** (attempt - 1));
  const backoff = Math.random() * longest;
  if (failure instanceof Problem) {
    if (!PASSING.has(failure.status)) return undefined;
    const wanted = (failure.retryAfter ?? 0) * 1000;
    // The jitter comes on top: all refused clients were told the same second.
    return wanted <= retries.longestWait ? wanted + backoff : undefined;
  }
  const isPassing = failure instanceof ConnectionFailed || failure instanceof TimedOut;
  return isPassing ? backoff : undefined;
}
