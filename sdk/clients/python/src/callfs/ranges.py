"""Parts of files, as Python slices them."""

from __future__ import annotations


def range_headers(start: int | None, end: int | None) -> dict[str, str]:
    """The header of the range `start:end`, without the byte at `end`.

    A negative start without an end counts from the end of the file.
    """
    if start is None and end is None:
        return {}
    first = start or 0
    if end is None:
        return {"Range": f"bytes={first}-" if first >= 0 else f"bytes={first}"}
    if first < 0 or end <= first:
        raise ValueError(f"{start}:{end} is no range of bytes; give 0 <= start < end")
    return {"Range": f"bytes={first}-{end - 1}"}
