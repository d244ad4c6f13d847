"""What readers are told of intervals: each holds for one comparison, and some disagree.

An interval that leaves out zero may belong to a test that does not stand after correction. Such
intervals carry a mark wherever a table shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from report.document.parts import Cell, Section, Stat, Table
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger

PER_COMPARISON = "Each interval holds for one comparison; the correction for several is in p alone."
MARKED = (
    f"{fmt.DISPUTED} The interval leaves out zero, but the test does not stand after correction: "
    "the decision is that of the test."
)
_OTHER_NULL = frozenset({"share", "ratio"})  # their null value is not zero


def decided(ledger: Iterable[Entry]) -> list[Entry]:
    """Return the entries that have both an interval and a decision after correction."""
    return [e for e in ledger if e.rejected is not None and e.estimate.interval is not None]


def disputed(entry: Entry) -> bool:
    """Tell whether an interval leaves out zero although the adjusted test does not reject."""
    interval = entry.estimate.interval
    if entry.rejected is not False or interval is None or entry.unit in _OTHER_NULL:
        return False
    return interval.low > 0 or interval.high < 0


def mark_intervals(section: Section, ledger: Ledger) -> Section:
    """Say under each table with intervals of tested entries how to read them, and mark some."""
    return replace(section, tables=tuple(_table(table, ledger) for table in section.tables))


def _table(table: Table, ledger: Ledger) -> Table:
    cells = (cell for row in table.rows for cell in row)
    shown = [ledger[c.entry] for c in cells if isinstance(c, Stat) and c.kind == "ci"]
    if not decided(shown):
        return table
    marked = [entry for entry in shown if disputed(entry)]
    notes = [table.note, PER_COMPARISON, MARKED if marked else ""]
    rows = tuple(tuple(_cell(cell, ledger) for cell in row) for row in table.rows)
    return replace(table, rows=rows, note=" ".join(filter(None, notes)))


def _cell(cell: Cell, ledger: Ledger) -> Cell:
    if isinstance(cell, Stat) and cell.kind == "ci" and disputed(ledger[cell.entry]):
        return Stat(cell.entry, "ci:marked")
    return cell
