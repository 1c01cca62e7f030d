export {
  Client,
  type Cancellable,
  type ChangeOptions,
  type LinkOptions,
  type ReadOptions,
  type WriteOptions,
} from "./client.js";
export type { ReadConditions, WriteConditions } from "./conditions.js";
export { Download } from "./download.js";
export {
  CallFSError,
  ConnectionFailed,
  NotModified,
  TimedOut,
  Truncated,
  UnexpectedAnswer,
} from "./errors.js";
export type { Info, Written } from "./info.js";
export type { Choice } from "./listing.js";
export type {
  Entry,
  EntryField,
  EntryType,
  IssuedLink,
  Link,
  Listing,
  ProblemCode,
  SetAttributes,
} from "./models.js";
export { Problem, isProblem, type Code } from "./problem.js";
export type { Content } from "./request.js";
export type { Retries } from "./retries.js";
export type { ClientOptions } from "./settings.js";
