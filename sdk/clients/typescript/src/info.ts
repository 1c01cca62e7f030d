// What the head of an answer says about an entry.

import { unquoted } from "./conditions.js";
import { UnexpectedAnswer } from "./errors.js";
import type { EntryType } from "./models.js";

/** A file or directory. The fields are those of `Entry`, and what only files have. */
export interface Info {
  path: string;
  name: string;
  type: EntryType;
  /** Of the whole file, also where a part of it was asked for. */
  size: number;
  mode: string;
  owner: string;
  group: string;
  mtime: string | null;
  /** Without its quotes; directories have none. */
  etag: string | null;
  mediaType: string | null;
  /** The node that holds the file. */
  instanceId: string | null;
}

export function infoOf(path: string, { headers }: Response): Info {
  const needed = (name: string): string => {
    const value = headers.get(name);
    if (value === null) {
      throw new UnexpectedAnswer(`the answer does not describe '${path}': ${name} is missing`);
    }
    return value;
  };
  return {
    path,
    name: path.slice(path.lastIndexOf("/") + 1),
    type: needed("X-CallFS-Type") as EntryType,
    size: Number(needed("X-CallFS-Size")),
    mode: needed("X-CallFS-Mode"),
    owner: needed("X-CallFS-Owner"),
    group: needed("X-CallFS-Group"),
    mtime: headers.get("X-CallFS-MTime"),
    etag: unquoted(headers.get("ETag")),
    mediaType: headers.get("Content-Type"),
    instanceId: headers.get("X-CallFS-Instance-ID"),
  };
}

/** The outcome of a write. */
export interface Written {
  path: string;
  /** Whether there was nothing under this path before. */
  created: boolean;
  /** Without its quotes; directories have none. */
  etag: string | null;
  lastModified: Date | null;
}

export function writtenOf(path: string, answer: Response): Written {
  const lastModified = answer.headers.get("Last-Modified");
  return {
    path,
    created: answer.status === 201,
    etag: unquoted(answer.headers.get("ETag")),
    lastModified: lastModified === null ? null : new Date(lastModified),
  };
}
