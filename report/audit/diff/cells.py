"""Cells of the tables of two builds: rows are matched by what they are about, not by place."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from report.audit.diff.changes import Cell
from report.audit.finished import Finished, inside

Rows = list[list[str]]
Key = tuple[tuple[str, ...], int]

_NUMBER = re.compile(r"[\[(]?[<>≤≥=+−\-.\d—]")


def cells(old: Finished, new: Finished) -> Iterator[Cell]:
    """Iterate over the cells that are not the same, table by table."""
    before, after = (_tables(build) for build in (old, new))
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield Cell(name, "", "", one and "there", other and "there")
        else:
            yield from _table(name, _rows(old, one), _rows(new, other))


def _tables(build: Finished) -> dict[str, str]:
    listed = (f for f in build.manifest.outputs if re.fullmatch(r"tables/[^/]+\.csv", f))
    return {file[len("tables/") : -len(".csv")]: file for file in listed}


def _rows(build: Finished, file: str) -> Rows:
    text = inside(build.folder, file).read_text(encoding="utf-8")
    return list(csv.reader(io.StringIO(text)))


def _table(name: str, old: Rows, new: Rows) -> Iterator[Cell]:
    header, other_header = old[0], new[0]
    width = _label_columns([*old[1:], *new[1:]])
    before, after = _keyed(old[1:], width), _keyed(new[1:], width)
    _pair_left_over(before, after)
    header, other_header = _distinct(header), _distinct(other_header)
    columns = list(dict.fromkeys((*header, *other_header)))
    for key in dict.fromkeys((*before, *after)):
        row = " · ".join(key[0])
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            yield Cell(name, row, "", _joined(one), _joined(other))
            continue
        held = dict(zip(header, one, strict=False))
        holds = dict(zip(other_header, other, strict=False))
        for column in columns:
            if held.get(column) != holds.get(column):
                yield Cell(name, row, column, held.get(column), holds.get(column))


def _distinct(header: list[str]) -> list[str]:
    """Tell columns of one header apart by a number: ``95% CI``, ``95% CI (2)``."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for name in header:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _joined(row: Sequence[str] | None) -> str | None:
    return None if row is None else " | ".join(row)


def _label_columns(rows: Rows) -> int:
    """Count the columns at the left that hold words: at least the first one."""
    width = 1
    for column in range(1, min((len(row) for row in rows), default=1)):
        if any(_NUMBER.match(row[column]) or not row[column] for row in rows):
            break
        width = column + 1
    return width


def _keyed(rows: Rows, width: int) -> dict[Key, list[str]]:
    seen: Counter[tuple[str, ...]] = Counter()
    keyed: dict[Key, list[str]] = {}
    for row in rows:
        label = tuple(row[:width])
        keyed[label, seen[label]] = row
        seen[label] += 1
    return keyed


def _pair_left_over(old: dict[Key, list[str]], new: dict[Key, list[str]]) -> None:
    """Take rows that are about the same thing, by their first cell, for one row."""
    for key in [key for key in new if key not in old]:
        first = key[0][0]
        match = next((k for k in old if k not in new and k[0][0] == first), None)
        if match is not None:
            old[key] = old.pop(match)
