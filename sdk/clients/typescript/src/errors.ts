// What goes wrong without an answer of the gateway. `problem.ts` has what goes wrong with one.

/** Every error of this library, but for an abort by the caller's own signal. */
export class CallFSError extends Error {
  override name = "CallFSError";
}

/** There is no connection, or it was lost. The request may have been carried out. */
export class ConnectionFailed extends CallFSError {
  override name = "ConnectionFailed";
}

/** A download or a listing ended before all of it was there. */
export class Truncated extends ConnectionFailed {
  override name = "Truncated";
}

/** The gateway took too long. The request may have been carried out. */
export class TimedOut extends CallFSError {
  override name = "TimedOut";
}

/** The entry is what the caller has already, by the conditions of the request. */
export class NotModified extends CallFSError {
  override name = "NotModified";

  constructor(
    path: string,
    readonly etag: string | null,
  ) {
    super(`'${path}' has not changed`);
  }
}

/** The answer is none that a CallFS gateway gives, as that of a proxy. */
export class UnexpectedAnswer extends CallFSError {
  override name = "UnexpectedAnswer";
}
