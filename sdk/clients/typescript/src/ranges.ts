// Parts of files, as `slice` takes them.

export interface Part {
  /** The first byte; a negative one without `end` counts from the end of the file. */
  start?: number | undefined;
  /** The first byte that is not wanted. */
  end?: number | undefined;
}

export function rangeHeaders({ start, end }: Part): Record<string, string> {
  if (start === undefined && end === undefined) return {};
  const first = start ?? 0;
  if (end === undefined) return { Range: first < 0 ? `bytes=${first}` : `bytes=${first}-` };
  if (first < 0 || end <= first) {
    throw new RangeError(`${first} to ${end} is no range of bytes; give 0 <= start < end`);
  }
  return { Range: `bytes=${first}-${end - 1}` };
}
