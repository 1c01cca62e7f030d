"""A row of the report."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A bound of the ratio to a peer, or without a peer of the value of callfs itself."""

    bound: float
    at_most: bool
    peer: str | None = None

    def __str__(self):
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.bound:g}×" if self.peer else f"{sign} {number(self.bound)}"

    def concerns(self, peer):
        return self.peer in (None, peer)

    def is_met(self, row):
        value = row.ratio if self.peer else row.callfs
        return value <= self.bound if self.at_most else value >= self.bound


@dataclass(frozen=True)
class Row:
    part: str
    what: str
    # What the numbers are, with their unit: "rate, /s".
    quantity: str
    callfs: float
    peer: str | None = None
    peer_value: float | None = None
    target: Target | None = None
    # The single rounds, or the single requests.
    detail: dict = field(default_factory=dict)

    @property
    def ratio(self):
        return self.callfs / self.peer_value if self.peer_value else None

    @property
    def is_met(self):
        return self.target.is_met(self) if self.target else None

    @property
    def verdict(self):
        return {None: "", True: "met", False: "missed"}[self.is_met]

    def cells(self):
        return [
            self.what,
            self.quantity,
            self.peer or "–",
            number(self.peer_value),
            number(self.callfs),
            "–" if self.ratio is None else f"{self.ratio:.2f}",
            str(self.target or ""),
            self.verdict,
        ]

    def as_json(self):
        return {
            "part": self.part,
            "what": self.what,
            "quantity": self.quantity,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "callfs": self.callfs,
            "ratio": self.ratio,
            "target": self.target and str(self.target),
            "met": self.is_met,
            **self.detail,
        }


def number(value):
    """Three digits, or all of those before the point."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
