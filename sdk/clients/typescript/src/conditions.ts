// Conditions of requests: what has to hold of an entry for the request to be carried out.

/** An ETag is written with or without its quotes; `"*"` stands for any. */
export interface WriteConditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  ifUnmodifiedSince?: Date | undefined;
}

/** Where a read has nothing new to say, `NotModified` is thrown. */
export interface ReadConditions extends WriteConditions {
  ifModifiedSince?: Date | undefined;
}

export function conditionHeaders(conditions: ReadConditions): Record<string, string> {
  const headers: Record<string, string> = {};
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince, ifModifiedSince } = conditions;
  if (ifMatch !== undefined) headers["If-Match"] = quoted(ifMatch);
  if (ifNoneMatch !== undefined) headers["If-None-Match"] = quoted(ifNoneMatch);
  if (ifUnmodifiedSince) headers["If-Unmodified-Since"] = ifUnmodifiedSince.toUTCString();
  if (ifModifiedSince) headers["If-Modified-Since"] = ifModifiedSince.toUTCString();
  return headers;
}

/** An ETag as listings write it; a weak one stays as it is. */
export function unquoted(etag: string | null): string | null {
  return etag?.startsWith('"') ? etag.slice(1, -1) : etag;
}

/** An ETag as HTTP writes it. */
export function quoted(etag: string): string {
  return etag === "*" || etag.endsWith('"') ? etag : `"${etag}"`;
}
