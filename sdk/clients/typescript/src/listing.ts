// Which entries a listing has, and how its lines are read.

import { Truncated, UnexpectedAnswer } from "./errors.js";
import type { Entry, EntryField, ListingLine } from "./models.js";
import type { Query } from "./paths.js";

/** What of a directory is listed, and what of each entry. */
export interface Choice {
  /** Also what is in directories below. */
  recursive?: boolean | undefined;
  maxDepth?: number | undefined;
  /** `*` and `?` stay within a name, `**` is any number of names. */
  glob?: string | undefined;
  type?: "file" | "directory" | undefined;
  /** What entries have only on request, as `sha256`. */
  fields?: EntryField | readonly EntryField[] | undefined;
}

export function queryOf({ recursive, maxDepth, glob, type, fields = [] }: Choice): Query {
  const joined = typeof fields === "string" ? fields : fields.join(",");
  return { recursive, max_depth: maxDepth, glob, type, fields: joined || undefined };
}

/** The entries of NDJSON, whose lines may span blocks, and then the cursor of what follows. */
export async function* entriesOf(
  blocks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Entry, string | undefined, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let next: string | undefined;
  for await (const block of blocks) {
    const lines = (rest + decoder.decode(block, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") continue;
      const read = lineOf(line);
      if (read.type === "next") next = read.next;
      else yield read;
    }
  }
  if (rest !== "") throw new Truncated("the listing ends within a line");
  return next;
}

function lineOf(line: string): ListingLine {
  try {
    return JSON.parse(line) as ListingLine;
  } catch (cause) {
    throw new UnexpectedAnswer(`a line of the listing is no JSON: ${line}`, { cause });
  }
}
