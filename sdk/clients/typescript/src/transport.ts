// Sends requests: timeouts, retries, and the errors of `fetch` as those of this library.

import { CallFSError, ConnectionFailed, TimedOut, Truncated } from "./errors.js";
import { failureOf } from "./problem.js";
import { bodyOf, isRepeatable, type CallFSRequest } from "./request.js";
import { waitAfter } from "./retries.js";
import type { Settings } from "./settings.js";

export type Blocks = AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;

/** A successful answer. */
export interface Answer {
  head: Response;
  /** Its body, once. */
  blocks: () => Blocks;
  /** Ends the transfer of a body that is not wanted. */
  cancel: () => Promise<void>;
}

export class Transport {
  constructor(private readonly settings: Settings) {}

  /** Sends a request and reads its whole answer; both again if that may help. */
  run<T>(
    request: CallFSRequest,
    read: (head: Response, body: Blob) => T | Promise<T>,
  ): Promise<T> {
    return this.repeated(request, async () => {
      const { head, blocks } = await this.send(request);
      const received: Uint8Array<ArrayBuffer>[] = [];
      for await (const block of blocks()) received.push(block);
      return await read(head, new Blob(received));
    });
  }

  /** Sends a request; its answer is to be read or cancelled. */
  stream(request: CallFSRequest): Promise<Answer> {
    return this.repeated(request, () => this.send(request));
  }

  private async repeated<T>(request: CallFSRequest, attempt: () => Promise<T>): Promise<T> {
    for (let number = 1; ; number++) {
      try {
        return await attempt();
      } catch (failure) {
        const wait = isRepeatable(request)
          ? waitAfter(this.settings.retries, failure, number)
          : undefined;
        if (wait === undefined) throw failure;
        await sleep(wait, request.signal);
      }
    }
  }

  private async send(request: CallFSRequest): Promise<Answer> {
    const { method, target, headers, content, signal } = request;
    const { url, key, timeout, fetch } = this.settings;
    const path = decodeURIComponent(target.split("?", 1)[0] ?? target);
    const watch = new Watch(timeout, signal);
    const failed = (cause: unknown, Lost: typeof ConnectionFailed): unknown => {
      if (signal?.aborted === true) return signal.reason;
      if (watch.isExpired) return new TimedOut(`${method} ${path}: no answer in time`, { cause });
      return cause instanceof CallFSError
        ? cause
        : new Lost(`${method} ${path}: ${messageOf(cause)}`, { cause });
    };
    // How long an upload takes is its sender's business.
    const answered = content === undefined ? watch.begin() : undefined;
    let head: Response;
    try {
      head = await fetch(url + target, {
        method,
        headers: { ...headers, Authorization: `Bearer ${key}` },
        signal: watch.signal,
        redirect: "manual",
        ...bodyOf(request),
      });
      if (!head.ok) throw await failureOf(method, path, head);
    } catch (cause) {
      watch.end();
      throw failed(cause, ConnectionFailed);
    } finally {
      answered?.();
    }
    async function* blocks(): Blocks {
      const reader = head.body?.getReader();
      try {
        while (reader !== undefined) {
          const received = watch.begin();
          const { done, value } = await reader.read().finally(received);
          if (done) return;
          yield value;
        }
      } catch (cause) {
        throw failed(cause, Truncated);
      } finally {
        watch.end();
        // Ends the transfer, if the reader left before its end.
        await reader?.cancel().catch(() => undefined);
      }
    }
    const cancel = async () => {
      watch.end();
      if (head.body?.locked === false) await head.body.cancel();
    };
    return { head, blocks, cancel };
  }
}

/** Aborts a request when the caller does, or when a wait takes too long. */
class Watch {
  isExpired = false;
  private readonly controller = new AbortController();
  private readonly forward = () => this.controller.abort(this.caller?.reason);

  constructor(
    private readonly timeout: number,
    private readonly caller: AbortSignal | undefined,
  ) {
    if (caller?.aborted === true) this.forward();
    else caller?.addEventListener("abort", this.forward);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Begins to wait; the function that is returned says that the wait is over. */
  begin(): () => void {
    const timer = setTimeout(() => {
      this.isExpired = true;
      this.controller.abort();
    }, this.timeout);
    return () => clearTimeout(timer);
  }

  /** Forgets the signal of the caller, which may live for long. */
  end(): void {
    this.caller?.removeEventListener("abort", this.forward);
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node.js says in the cause what went wrong.
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
