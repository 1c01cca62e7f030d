// Refusals and failures that the gateway explains (RFC 9457).

import { CallFSError, NotModified, UnexpectedAnswer } from "./errors.js";
import { unquoted } from "./conditions.js";
import type { ProblemCode } from "./models.js";

/** A code that this version knows, or one that a newer gateway added. */
export type Code = ProblemCode | (string & {});

/** A refused or failed request. Codes are stable; messages are for people. */
export class Problem extends CallFSError {
  override name = "Problem";
  readonly code: Code;
  readonly status: number;
  /** Names the request in the log of the gateway. */
  readonly requestId: string | undefined;
  /** Seconds after which the gateway wants to be asked again. */
  readonly retryAfter: number | undefined;
  /** The whole problem document, with members that only some codes have. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    message: string,
    details: Pick<Problem, "code" | "status"> &
      Partial<Pick<Problem, "requestId" | "retryAfter" | "members">>,
  ) {
    super(message);
    this.code = details.code;
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
    this.members = details.members ?? {};
  }
}

/** Whether an error is a problem, with one of these codes if there are any. */
export function isProblem(error: unknown, ...codes: ProblemCode[]): error is Problem {
  if (!(error instanceof Problem)) return false;
  return codes.length === 0 || codes.some((code) => code === error.code);
}

/** The error that an answer stands for which is no success. */
export async function failureOf(method: string, path: string, answer: Response): Promise<Error> {
  if (answer.status === 304) return new NotModified(path, unquoted(answer.headers.get("ETag")));
  if (answer.status < 400) {
    return new UnexpectedAnswer(`${method} ${path}: status ${answer.status}`);
  }
  const members = await documentOf(answer);
  const { code, message, request_id: requestId } = members;
  return new Problem(text(message) ?? `${method} ${path}: status ${answer.status}`, {
    code: text(code) ?? CODES_OF_STATUSES[answer.status] ?? "UNKNOWN",
    status: answer.status,
    requestId: text(requestId) ?? answer.headers.get("X-Request-Id") ?? undefined,
    retryAfter: retryAfter(answer.headers.get("Retry-After")),
    members,
  });
}

/** The code that a status most likely stands for, where the answer has no body: that to HEAD. */
const CODES_OF_STATUSES: Readonly<Record<number, ProblemCode>> = {
  400: "BAD_REQUEST",
  401: "AUTHENTICATION_FAILED",
  403: "PERMISSION_DENIED",
  404: "FILE_NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  410: "GONE",
  412: "PRECONDITION_FAILED",
  414: "URI_TOO_LONG",
  422: "UNSUPPORTED",
  423: "LOCKED",
  429: "RATE_LIMIT_EXCEEDED",
  431: "HEADERS_TOO_LARGE",
  500: "INTERNAL_ERROR",
  501: "NOT_IMPLEMENTED",
  502: "PLUGIN_FAILED",
  503: "BACKEND_UNAVAILABLE",
  507: "INSUFFICIENT_STORAGE",
};

/** Empty for an answer to HEAD, and for one that is not the gateway's. */
async function documentOf(answer: Response): Promise<Record<string, unknown>> {
  const isProblem = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
  const body = await answer.text();
  if (!isProblem || body === "") return {};
  try {
    const document: unknown = JSON.parse(body);
    return typeof document === "object" && document !== null ? { ...document } : {};
  } catch {
    return {};
  }
}

/** In seconds, whether the answer names them or a time. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const until = Date.parse(value);
  return Number.isNaN(until) ? undefined : Math.max(0, (until - Date.now()) / 1000);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
