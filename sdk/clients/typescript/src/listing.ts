// Which entries a listing has, and how its lines are read.

import { Truncated, UnexpectedAnswer } from "./errors.js";
import type { Entry } from "./models.js";
import type { Query } from "./paths.js";

/** What of a directory is listed. */
export interface Choice {
  /** Also what is in directories below. */
  recursive?: boolean | undefined;
  maxDepth?: number | undefined;
  /** `*` and `?` stay within a name, `**` is any number of names. */
  glob?: string | undefined;
  type?: "file" | "directory" | undefined;
}

export function queryOf({ recursive, maxDepth, glob, type }: Choice): Query {
  return { recursive, max_depth: maxDepth, glob, type };
}

/** The entries of NDJSON, whose lines may span blocks. */
export async function* entriesOf(
  blocks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Entry, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const block of blocks) {
    const lines = (rest + decoder.decode(block, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") yield entryOf(line);
    }
  }
  if (rest !== "") throw new Truncated("the listing ends within a line");
}

function entryOf(line: string): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch (cause) {
    throw new UnexpectedAnswer(`a line of the listing is no JSON: ${line}`, { cause });
  }
}
