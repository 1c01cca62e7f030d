"""When a request is sent again.

Only requests that are idempotent by their method, or that have a condition, are repeated. The
answer to a repetition can be that of a request which was carried out already although its answer
was lost: 404 to a removal, 412 to a conditional write.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callfs.errors import ConnectionFailed, TimedOut
from callfs.problems import Problem

if TYPE_CHECKING:
    from callfs.operation import Operation

#: The request was not carried out, and the same one may succeed soon.
_PASSING = frozenset({423, 429, 503})


@dataclass(frozen=True)
class Retries:
    """How often, and how long in between. `Retries(attempts=1)` never repeats."""

    #: With the first one.
    attempts: int = 4
    #: Seconds; the longest wait before the first repetition. It doubles each time.
    first_wait: float = 0.25
    #: Seconds. A gateway that asks for more gets no repetition.
    longest_wait: float = 30.0

    def wait(self, operation: Operation[Any], failure: Exception, attempt: int) -> float | None:
        """How long to wait after attempt number `attempt` failed; None to give up."""
        if attempt >= self.attempts or not operation.is_repeatable:
            return None
        backoff = random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))
        if isinstance(failure, Problem):
            if failure.status not in _PASSING:
                return None
            wanted = failure.retry_after or 0.0
            # The jitter comes on top: all refused clients were told the same second.
            return wanted + backoff if wanted <= self.longest_wait else None
        return backoff if isinstance(failure, ConnectionFailed | TimedOut) else None
