// A request, before anything sends it.

/** What can be uploaded. Streams are sent once; browsers send them over HTTP/2 and later only. */
export type Content =
  | string
  | Blob
  | ArrayBuffer
  | ArrayBufferView<ArrayBuffer>
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

export interface CallFSRequest {
  method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** The path and the query, encoded. */
  target: string;
  headers?: Record<string, string>;
  /** What is uploaded. */
  content?: Content | undefined;
  /** A document instead, whose members that are `undefined` are not sent. */
  json?: object;
  /** Whether a second time undoes the first, also under a condition, which may hold again. */
  isUndoneByRepetition?: boolean;
  signal?: AbortSignal | undefined;
}

/** The header fields of a request with a document. */
export const JSON_HEADERS = { "Content-Type": "application/json" };

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const CONDITIONS = ["If-Match", "If-None-Match", "If-Unmodified-Since"];

/** Whether sending it twice does no more than sending it once. */
export function isRepeatable(request: CallFSRequest): boolean {
  const { method, headers = {}, content, isUndoneByRepetition } = request;
  if (isUndoneByRepetition === true) return false;
  const isSafe = IDEMPOTENT.has(method) || CONDITIONS.some((name) => name in headers);
  return isSafe && !isStream(content);
}

/** The body as `fetch` takes it. */
export function bodyOf({ content, json }: CallFSRequest): RequestInit {
  if (json !== undefined) return { body: JSON.stringify(json) };
  if (content === undefined) return {};
  if (!isStream(content)) return { body: content };
  const body = content instanceof ReadableStream ? content : streamOf(content);
  // Streams need `duplex`, which the types of `fetch` do not have yet.
  return { body, duplex: "half" } as RequestInit;
}

function isStream(
  content: Content | undefined,
): content is ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof content !== "object" || content instanceof Blob) return false;
  return content instanceof ReadableStream || Symbol.asyncIterator in content;
}

function streamOf(blocks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = blocks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
