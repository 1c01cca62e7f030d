"""The rows of a run: printed while it runs, and written as a report at its end."""

import dataclasses
import json
import math
import sys

import plot
import table
from measurement import medians
from row import Row
from targets import PROCESSOR, RATE, TARGETS, target


class Results:
    def __init__(self, environment):
        self.environment = environment
        self.rows = []
        # What a part says about itself, by its title: sentences above its table.
        self.notes = {}
        self.part = None
        print(", ".join(f"{name} {value}" for name, value in environment.items()))

    def begin(self, part, *notes):
        self.part = part
        self.notes[part] = list(notes)
        print(f"\n{part}\n")
        for note in notes:
            print(f"{note}")
        print(table.line(table.HEAD), flush=True)

    def skip(self, what, reason):
        self.notes[self.part].append(f"Skipped: {what}: {reason}.")
        print(f"skipped: {what}: {reason}", flush=True)

    def add(self, what, quantity, callfs, peer=None, peer_value=None, detail=None):
        row = Row(
            part=self.part,
            what=what,
            quantity=quantity,
            callfs=callfs,
            peer=peer,
            peer_value=peer_value,
            target=target(what, quantity, peer),
            detail=detail or {},
        )
        self.rows.append(row)
        print(table.line(row.cells()), flush=True)

    def compare(self, what, measured, quantities=(RATE, PROCESSOR)):
        """A row for each peer and quantity, from the rounds of all contenders by name."""
        rounds = {name: [dataclasses.asdict(m) for m in turns] for name, turns in measured.items()}
        callfs = medians(measured["callfs"])
        peers = [name for name in measured if name != "callfs"]
        for peer in peers or [None]:
            values = medians(measured[peer]) if peer else None
            for quantity, field in zip(quantities, ("rate", "processor")):
                self.add(
                    what,
                    quantity,
                    getattr(callfs, field),
                    peer,
                    values and getattr(values, field),
                    {"rounds": {name: rounds[name] for name in (peer, "callfs") if name}},
                )

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row.as_json() for row in self.rows]
        document = {"environment": self.environment, "notes": self.notes, "rows": rows}
        (folder / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False))
        (folder / "results.md").write_text(table.report(self))
        (folder / "results.svg").write_text(plot.ratios(self.rows))
        print(f"\nwritten: {folder}/results.md, results.json, results.svg")

    def require_numbers(self, everything):
        """Ends the run with exit code 1 if a row has no number, or a target no row."""
        faults = [f"no number: {row.part}: {row.what}" for row in self.rows if not complete(row)]
        if everything:
            measured = {(row.what, row.quantity) for row in self.rows}
            faults += [
                f"a target without a row: {', '.join(key)}"
                for key in TARGETS
                # The sizes of these are larger than those of a smoke run.
                if key not in measured and "1,000,000" not in key[0] and "GiB" not in key[0]
            ]
        if not self.rows or faults:
            sys.exit("\n".join(faults) or "no rows")
        print(f"smoke: {len(self.rows)} rows, each with its numbers")


def complete(row):
    values = [row.callfs] + ([row.peer_value, row.ratio] if row.peer else [])
    return all(value is not None and math.isfinite(value) and value > 0 for value in values)
