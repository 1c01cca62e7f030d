"""Which entries a listing has, and how its lines are read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from callfs.answers import decoded
from callfs.errors import Truncated, UnexpectedAnswer
from callfs.models import Continuation, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callfs.models import EntryField, ListingLine


class Choice(TypedDict, total=False):
    """What of a directory is listed, and what of each entry."""

    #: Also what is in directories below.
    recursive: bool
    max_depth: int
    #: `*` and `?` stay within a name, `**` is any number of names.
    glob: str
    type: Literal["file", "directory"]
    #: What entries have only on request, as `sha256`.
    fields: EntryField | Sequence[EntryField]


@dataclass(frozen=True)
class Selection:
    """A choice as the query of a request."""

    query: dict[str, str | int | bool | None]

    @classmethod
    def of(cls, choice: Choice) -> Selection:
        if unknown := choice.keys() - Choice.__optional_keys__:
            known = ", ".join(sorted(Choice.__optional_keys__))
            raise TypeError(f"{unknown.pop()!r} chooses nothing of a listing; give one of {known}")
        fields = choice.get("fields", ())
        joined = fields if isinstance(fields, str) else ",".join(fields)
        single = {name: value for name, value in choice.items() if isinstance(value, str | int)}
        return cls({**single, "fields": joined or None})


class EntryLines:
    """Cuts blocks of bytes into lines of NDJSON; a line may span blocks."""

    def __init__(self) -> None:
        self._rest = b""
        self._next: str | None = None

    def entries(self, block: bytes) -> Iterator[Entry]:
        """The entries that are complete with this block."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            if not line:
                continue
            read = _read(line)
            if isinstance(read, Continuation):
                self._next = read.next
            else:
                yield read

    def end(self) -> str | None:
        """The cursor of what follows, if anything does. The last line has to be a whole one."""
        if self._rest:
            raise Truncated("the listing ends within a line")
        return self._next


def _read(line: bytes) -> ListingLine:
    """Only the last line can be no entry, so each is taken for one first."""
    try:
        return decoded(line, Entry)
    except UnexpectedAnswer:
        with suppress(UnexpectedAnswer):
            return decoded(line, Continuation)
        raise
