"""Ratios as an SVG bar plot with a logarithmic axis."""

import math
from html import escape

LABELS = 430
PLOT = 420
RIGHT = 70
LINE = 18
TOP = 80
# Powers of two at the ends of the axis. Bars end there, their numbers do not.
LOW, HIGH = -4, 4

COLOURS = {None: "#7a8ca3", True: "#3d8b5f", False: "#c0563f"}
LEGEND = (
    "callfs / peer, medians of one run. A rate is better to the right, all else to the left.",
    "Green: target met. Red: target missed. Grey: no target. Black mark: target of the ratio.",
)
STYLE = "text { font: 12px sans-serif; fill: #222 } .axis { stroke: #bbb } .one { stroke: #222 }"


def ratios(rows):
    """A bar for each row with a peer, from 1 to its ratio, and a mark at its target."""
    rows = [row for row in rows if row.ratio]
    height = TOP + LINE * len(rows) + 20
    width = LABELS + PLOT + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(f'<text x="10" y="{20 + LINE * at}">{text}</text>' for at, text in enumerate(LEGEND)),
        *axis(height - 20),
    ]
    for index, row in enumerate(rows):
        parts += bar(row, TOP + LINE * index)
    return "\n".join([*parts, "</svg>"]) + "\n"


def axis(bottom):
    for power in range(LOW, HIGH + 1):
        x = position(2.0**power)
        name = "one" if power == 0 else "axis"
        yield f'<line class="{name}" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}"/>'
        label = f"{2.0**power:g}" if power >= 0 else f"1/{2**-power}"
        yield f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{label}</text>'


def bar(row, y):
    label = escape(f"{row.what}: {row.quantity.split(',')[0]}, {row.peer}")
    one = position(1)
    end = position(row.ratio)
    left = min(one, end)
    length = max(abs(end - one), 1)
    colour = COLOURS[row.is_met]
    yield f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{label}</text>'
    yield f'<rect x="{left:.1f}" y="{y + 3}" width="{length:.1f}" height="12" fill="{colour}"/>'
    yield f'<text x="{LABELS + PLOT + 8}" y="{y + 12}">{row.ratio:.2f}</text>'
    if row.target and row.target.peer:
        x = position(row.target.bound)
        yield f'<rect x="{x - 1:.1f}" y="{y + 1}" width="2" height="16" fill="#222"/>'


def position(ratio):
    power = min(max(math.log2(ratio), LOW), HIGH)
    return LABELS + PLOT * (power - LOW) / (HIGH - LOW)
