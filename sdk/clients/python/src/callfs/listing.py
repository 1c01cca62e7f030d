"""Which entries a listing has, and how its lines are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from callfs.answers import decoded
from callfs.errors import Truncated
from callfs.models import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator


class Choice(TypedDict, total=False):
    """What of a directory is listed."""

    #: Also what is in directories below.
    recursive: bool
    max_depth: int
    #: `*` and `?` stay within a name, `**` is any number of names.
    glob: str
    type: Literal["file", "directory"]


@dataclass(frozen=True)
class Selection:
    """A choice as the query of a request."""

    query: dict[str, str | int | bool | None]

    @classmethod
    def of(cls, choice: Choice) -> Selection:
        if unknown := choice.keys() - Choice.__optional_keys__:
            known = ", ".join(sorted(Choice.__optional_keys__))
            raise TypeError(f"{unknown.pop()!r} chooses nothing of a listing; give one of {known}")
        return cls({name: value for name, value in choice.items() if isinstance(value, str | int)})


class EntryLines:
    """Cuts blocks of bytes into lines of NDJSON; a line may span blocks."""

    def __init__(self) -> None:
        self._rest = b""

    def entries(self, block: bytes) -> Iterator[Entry]:
        """The entries that are complete with this block."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            if line:
                yield decoded(line, Entry)

    def end(self) -> None:
        """Checks that the last line is a whole one."""
        if self._rest:
            raise Truncated("the listing ends within a line")
