import {
  conditionHeaders,
  quoted,
  type ReadConditions,
  type WriteConditions,
} from "./conditions.js";
import { Download, fileInfoOf } from "./download.js";
import { UnexpectedAnswer } from "./errors.js";
import { infoOf, writtenOf, type Info, type Written } from "./info.js";
import { entriesOf, queryOf, type Choice } from "./listing.js";
import type {
  Change,
  Entry,
  ExchangeEntry,
  IssuedLink,
  Link,
  LinkRequest,
  Links,
  Listing,
  MoveEntry,
  SetAttributes,
} from "./models.js";
import { absolute, encoded, target } from "./paths.js";
import { isProblem } from "./problem.js";
import { rangeHeaders, type Part } from "./ranges.js";
import { JSON_HEADERS, type CallFSRequest, type Content } from "./request.js";
import { settingsOf, type ClientOptions } from "./settings.js";
import { Transport } from "./transport.js";

export interface Cancellable {
  signal?: AbortSignal | undefined;
}

export type ReadOptions = ReadConditions & Part & Cancellable;
export type ChangeOptions = WriteConditions & Cancellable;

export interface WriteOptions extends ChangeOptions {
  /** Of the content; a `Blob` has one of its own. */
  mediaType?: string | undefined;
  /** The SHA-256 of the content, which the gateway checks. */
  sha256?: Uint8Array | undefined;
  /** When the content was last changed, a text in RFC 3339; now unless given. */
  mtime?: Date | string | undefined;
}

export interface LinkOptions extends Cancellable {
  expirySeconds?: number | undefined;
  maxDownloads?: number | undefined;
  /** The name to save the file under. */
  filename?: string | undefined;
  /** Works until it expires, which `expirySeconds` has to say, instead of `maxDownloads` times. */
  unlimited?: boolean | undefined;
  /** Browsers show the file. */
  inline?: boolean | undefined;
}

/** One gateway, asked with one key. */
export class Client {
  private readonly transport: Transport;

  constructor(options: ClientOptions = {}) {
    this.transport = new Transport(settingsOf(options));
  }

  async stat(path: string, options: ReadConditions & Cancellable = {}): Promise<Info> {
    const request = read("HEAD", path, options);
    return this.transport.run(request, (head) => infoOf(absolute(path), head));
  }

  async exists(path: string, options: Cancellable = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (isProblem(error, "FILE_NOT_FOUND")) return false;
      throw error;
    }
  }

  /** A file, or its bytes from `start` up to `end`. */
  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.transport.run(read("GET", path, options), async (head, body) => {
      fileInfoOf(absolute(path), head);
      return new Uint8Array(await body.arrayBuffer());
    });
  }

  /** The same, block by block. */
  async download(path: string, options: ReadOptions = {}): Promise<Download> {
    const answer = await this.transport.stream(read("GET", path, options));
    try {
      return new Download(absolute(path), answer);
    } catch (error) {
      await answer.cancel();
      throw error;
    }
  }

  /**
   * Creates or replaces a file, and the directories above it. Readers see all or nothing of it; a
   * stream that fails leaves what was there.
   */
  async write(path: string, content: Content, options: WriteOptions = {}): Promise<Written> {
    return this.upload("PUT", path, content, options);
  }

  /** Creates a file; a problem with FILE_ALREADY_EXISTS if there is one. */
  async create(path: string, content: Content, options: WriteOptions = {}): Promise<Written> {
    return this.upload("POST", path, content, options);
  }

  /** Makes a directory, unless it is there. */
  async makeDirectory(path: string, { signal }: Cancellable = {}): Promise<Written> {
    const request = { method: "POST", target: file(path).replace(/\/?$/, "/"), signal } as const;
    return this.transport.run(request, (head) => writtenOf(absolute(path), head));
  }

  /** Copies a file or a directory within the gateway. */
  async copy(
    source: string,
    to: string,
    { overwrite = false, signal, ...conditions }: ChangeOptions & { overwrite?: boolean } = {},
  ): Promise<Written> {
    const request: CallFSRequest = {
      method: overwrite ? "PUT" : "POST",
      target: target(file(to), { from: absolute(source) }),
      headers: conditionHeaders(conditions),
      signal,
    };
    return this.transport.run(request, (head) => writtenOf(absolute(to), head));
  }

  /** Moves a file or a directory in one step, also to another mount. */
  async move(
    path: string,
    to: string,
    options: ChangeOptions & { overwrite?: boolean; createParents?: boolean } = {},
  ): Promise<Entry> {
    const { overwrite = false, createParents = false, ...rest } = options;
    const wanted: MoveEntry = {
      destination: absolute(to),
      overwrite,
      create_parents: createParents,
    };
    return this.transport.run(patch(path, wanted, rest), jsonOf<Entry>);
  }

  /**
   * Lets two entries change places in one step; the one that is now at `other`. It is sent once,
   * because a second time would undo the first. The conditions are about the entry at `path`.
   */
  async exchange(
    path: string,
    other: string,
    { otherIfMatch, ...rest }: ChangeOptions & { otherIfMatch?: string } = {},
  ): Promise<Entry> {
    const wanted: ExchangeEntry = {
      destination: absolute(other),
      exchange: true,
      ...(otherIfMatch !== undefined && { destination_if_match: quoted(otherIfMatch) }),
    };
    const request = { ...patch(path, wanted, rest), isUndoneByRepetition: true };
    return this.transport.run(request, jsonOf<Entry>);
  }

  async setAttributes(
    path: string,
    attributes: SetAttributes,
    options: ChangeOptions = {},
  ): Promise<Entry> {
    return this.transport.run(patch(path, attributes, options), jsonOf<Entry>);
  }

  async remove(
    path: string,
    { recursive, signal, ...conditions }: ChangeOptions & { recursive?: boolean } = {},
  ): Promise<void> {
    const request: CallFSRequest = {
      method: "DELETE",
      target: target(file(path), { recursive: recursive || undefined }),
      headers: conditionHeaders(conditions),
      signal,
    };
    return this.transport.run(request, () => undefined);
  }

  /** One page; its `next` is `after` for the next one. */
  async listPage(
    path = "/",
    options: Choice & Cancellable & { limit?: number; after?: string } = {},
  ): Promise<Listing> {
    const { limit, after, signal, ...choice } = options;
    const query = { ...queryOf(choice), limit, after };
    return this.transport.run(
      { method: "GET", target: target(directory(path), query), signal },
      jsonOf<Listing>,
    );
  }

  /** Entries, a page at a time. It may be read slowly: no connection is kept in between. */
  async *listDirectory(
    path = "/",
    { pageSize, ...options }: Choice & Cancellable & { pageSize?: number } = {},
  ): AsyncGenerator<Entry, void, undefined> {
    const limit = pageSize === undefined ? {} : { limit: pageSize };
    for (let page = await this.listPage(path, { ...options, ...limit }); ; ) {
      yield* page.items;
      if (page.next === null) return;
      page = await this.listPage(path, { ...options, ...limit, after: page.next });
    }
  }

  /**
   * Entries as soon as the gateway finds them, in one answer; `Truncated` if it is cut. With a
   * limit, the path of the last entry is `after` for those that follow.
   */
  async *streamDirectory(
    path = "/",
    options: Choice & Cancellable & { limit?: number; after?: string } = {},
  ): AsyncGenerator<Entry, void, undefined> {
    const { limit, after, signal, ...choice } = options;
    let next = after;
    do {
      const { blocks } = await this.transport.stream({
        method: "GET",
        target: target(directory(path), { ...queryOf(choice), limit: limit ?? 0, after: next }),
        headers: { Accept: "application/x-ndjson" },
        signal,
      });
      next = yield* entriesOf(blocks());
    } while (limit === undefined && next !== undefined);
  }

  /**
   * A URL that downloads a file without a key: once, or `maxDownloads` times. A link to a directory
   * has to be `unlimited`; its URL, which ends with a slash, lists the directory, and everything
   * below it is downloaded from below that URL.
   */
  async createLink(path: string, { signal, ...options }: LinkOptions = {}): Promise<IssuedLink> {
    const { expirySeconds, maxDownloads, filename, unlimited, inline } = options;
    const wanted: LinkRequest = {
      path: absolute(path),
      ...(expirySeconds !== undefined && { expiry_seconds: expirySeconds }),
      ...(maxDownloads !== undefined && { max_downloads: maxDownloads }),
      ...(filename !== undefined && { filename }),
      ...(unlimited === true && { unlimited }),
      ...(inline === true && { disposition: "inline" }),
    };
    const request = { method: "POST", target: "/v1/links/generate", json: wanted } as const;
    return this.transport.run({ ...request, headers: JSON_HEADERS, signal }, jsonOf<IssuedLink>);
  }

  /** The links of the caller; `ofAll` users for administrators. */
  async *listLinks({ ofAll, signal }: Cancellable & { ofAll?: boolean } = {}): AsyncGenerator<
    Link,
    void,
    undefined
  > {
    let after: string | undefined;
    do {
      const query = { all: ofAll || undefined, after };
      const page: Links = await this.transport.run(
        { method: "GET", target: target("/v1/links", query), signal },
        jsonOf<Links>,
      );
      yield* page.items;
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  async getLink(id: string, { signal }: Cancellable = {}): Promise<Link> {
    const request = { method: "GET", target: `/v1/links${encoded(id)}`, signal } as const;
    return this.transport.run(request, jsonOf<Link>);
  }

  async revokeLink(id: string, { signal }: Cancellable = {}): Promise<void> {
    const request = { method: "DELETE", target: `/v1/links${encoded(id)}`, signal } as const;
    return this.transport.run(request, () => undefined);
  }

  private async upload(
    method: "PUT" | "POST",
    path: string,
    content: Content,
    { mediaType, sha256, mtime, signal, ...conditions }: WriteOptions,
  ): Promise<Written> {
    const headers = conditionHeaders(conditions);
    if (mediaType !== undefined) headers["Content-Type"] = mediaType;
    if (sha256 !== undefined) {
      headers["Repr-Digest"] = `sha-256=:${btoa(String.fromCharCode(...sha256))}:`;
    }
    if (mtime !== undefined) {
      headers["X-CallFS-MTime"] = typeof mtime === "string" ? mtime : mtime.toISOString();
    }
    const request = { method, target: file(path), headers, content, signal };
    return this.transport.run(request, (head) => writtenOf(absolute(path), head));
  }
}

function file(path: string): string {
  return "/v1/files" + encoded(path);
}

function directory(path: string): string {
  return "/v1/directories" + encoded(path);
}

function read(
  method: "GET" | "HEAD",
  path: string,
  { signal, start, end, ...conditions }: ReadOptions,
): CallFSRequest {
  const headers = {
    // Lengths and ranges are about the bytes as they are stored.
    "Accept-Encoding": "identity",
    ...rangeHeaders({ start, end }),
    ...conditionHeaders(conditions),
  };
  return { method, target: file(path), headers, signal };
}

function patch(
  path: string,
  json: Change,
  { signal, ...conditions }: ChangeOptions,
): CallFSRequest {
  const headers = { ...JSON_HEADERS, ...conditionHeaders(conditions) };
  return { method: "PATCH", target: file(path), headers, json, signal };
}

async function jsonOf<T>(_: Response, body: Blob): Promise<T> {
  const text = await body.text();
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new UnexpectedAnswer("the answer is no JSON", { cause });
  }
}
