"""Selectors: where the numbers behind a statistic stand, in words a machine can follow.

``data/entropy-2026-02/published/generation.csv?model=yi_9b#entropy_mean_nats`` is the column
``entropy_mean_nats`` of the rows whose ``model`` is ``yi_9b``; ``model!=yi_9b`` are the other
rows. Paths are relative to a build, so a finished build carries what its numbers rest on.
``ledger.csv?…#estimate`` reaches statistics that others are made from.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from report.study.errors import InputError


def selector(study: str, table: str, column: str, **where: object) -> str:
    """Name a column of a study's table, for the rows that ``where`` describes.

    Parameters
    ----------
    study : str
        Study id, or ``""`` for the ledger.
    table : str
        Path without ``.csv``: ``published/generation``, ``features/questions``.
    column : str
    **where
        Column names and values that the rows must have; a name that ends in ``!`` excludes
        the rows with that value.
    """
    path = f"data/{study}/{table}.csv" if study else f"{table}.csv"
    query = urlencode({name: str(value) for name, value in where.items()}, quote_via=quote)
    return f"{path}{'?' + query if query else ''}#{column}"


@lru_cache(maxsize=64)
def _rows(path: Path) -> tuple[dict[str, str], ...]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return tuple(csv.DictReader(handle))


def read(root: Path, source: str) -> list[str]:
    """Read what a selector names, as strings in the order of the file.

    Parameters
    ----------
    root : Path
        A build.
    source : str

    Raises
    ------
    InputError
        If the file or the column is not there.
    """
    name, query, column = _split(source)
    path = root / name
    if name.startswith("/") or ".." in name.split("/") or not path.is_file():
        raise InputError(path, "", "the file is missing", "Build the document again.")
    rows = _rows(path)
    names = [name.rstrip("!") for name, _ in query] + [column]
    if rows and (unknown := [name for name in names if name not in rows[0]]):
        raise InputError(path, unknown[0], "there is no such column", "Build the document again.")
    return pick(rows, source)


def pick(rows: Iterable[Mapping[str, str]], source: str) -> list[str]:
    """Choose what a selector names from the rows of its table."""
    _, wanted, column = _split(source)
    return [row[column] for row in rows if all(_matches(row, *term) for term in wanted)]


def _split(source: str) -> tuple[str, list[tuple[str, str]], str]:
    """Take a selector apart: the file, conditions on its rows, and the column."""
    path, _, column = source.partition("#")
    name, _, query = path.partition("?")
    return name, parse_qsl(query, keep_blank_values=True), column


def _matches(row: Mapping[str, str], name: str, value: str) -> bool:
    return row[name[:-1]] != value if name.endswith("!") else row[name] == value
