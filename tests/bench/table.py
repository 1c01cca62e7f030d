"""Rows as text for the terminal, and as Markdown for the report."""

HEAD = ["what", "quantity", "peer", "peer's", "callfs", "callfs/peer", "target", ""]
WIDTHS = [34, 24, 18, 10, 10, 12, 10, 6]
LEFT = 3


def line(cells):
    aligned = [
        cell.ljust(width) if index < LEFT else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, WIDTHS))
    ]
    return " ".join(aligned).rstrip()


def markdown(rows):
    rule = ["---"] * LEFT + ["---:"] * (len(HEAD) - LEFT)
    lines = [HEAD, rule, *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def report(results):
    """The whole report as Markdown."""
    sections = ["# Results", markdown_environment(results.environment)]
    for part, notes in results.notes.items():
        rows = [row for row in results.rows if row.part == part]
        sections.append(f"## {part}")
        sections += [" ".join(notes)] if notes else []
        sections += [markdown(rows)] if rows else []
    return "\n\n".join(sections) + "\n"


def markdown_environment(environment):
    lines = ["| run | |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in environment.items()])
