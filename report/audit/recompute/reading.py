"""Reading what a selector names, and the study's random draws, with nothing of this program.

`explain` prints these functions in front of its snippets, so they rest on the standard library
and numpy alone, and read files relative to the build.
"""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """All that a second path takes from the ledger and the manifest: validated values.

    Parameters
    ----------
    name, quantity : str
        Id and quantity of the entry.
    sources : tuple of str
        Selectors of columns.
    mixed : bool
        Whether layers (by number) stand beside questions (by text) of one model.
    n : int
    level, alpha : float
        Of the interval, and of the test.
    seed : int
    draws : str
        Name of the set of random draws.
    size : int
        Number of resamples or permutations.
    power, reference_rho : float
    bins : int
        Depth bins of a signature.
    groups : tuple of tuple of str
        Selectors by model, where there are several.
    root : str
        The build.
    """

    name: str
    quantity: str
    sources: tuple[str, ...]
    mixed: bool
    n: int
    level: float
    alpha: float
    seed: int
    draws: str
    size: int
    power: float
    reference_rho: float
    bins: int
    groups: tuple[tuple[str, ...], ...] = ()
    root: str = "."


@cache
def table(path: str) -> list[dict[str, str]]:
    """Read a CSV file as rows of strings."""
    with Path(path).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def chosen(selector: str, root: str = ".") -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    """Return the rows that a selector names, and the conditions on them."""
    path, _, query = selector.partition("#")[0].partition("?")
    rows = table(f"{root}/{path}")
    where = parse_qsl(query, keep_blank_values=True)
    for name, value in where:
        excluded = name.endswith("!")
        rows = [row for row in rows if (row[name.rstrip("!")] != value) == excluded]
    return rows, where


def read(selector: str, root: str = ".") -> dict[tuple[str, ...], float]:
    """Return the numbers of the column that a selector names, by key; an empty cell is NaN."""
    column = selector.partition("#")[2]
    rows, where = chosen(selector, root)
    header = rows[0] if rows else {}
    fixed = {name for name, _ in where}
    named = {"text", "question"} & header.keys()  # a question is known by its text where it has one
    keys = [*named, *(k for k in ("model", "axis", "pole", "number", "layer")
                      if k in header.keys() - fixed - {"number" if named else ""})]  # fmt: skip
    return {tuple(row[k] for k in keys if row[k]): float(row[column] or "nan") for row in rows}


def aligned(*selectors: str, root: str = ".") -> list[Floats]:
    """Return columns matched by key, without what any of them lacks."""
    columns = [read(selector, root) for selector in selectors]
    shared = [k for k in columns[0] if all(math.isfinite(c.get(k, math.nan)) for c in columns)]
    return [np.array([column[key] for key in shared]) for column in columns]


def separate(*selectors: str, root: str = ".") -> list[Floats]:
    """Return columns as they are, each without its missing values."""
    columns = [np.array(list(read(selector, root).values())) for selector in selectors]
    return [values[np.isfinite(values)] for values in columns]


def complete(*selectors: str, root: str = ".") -> list[Floats]:
    """Return columns as they are, missing values as NaN."""
    return [np.array(list(read(selector, root).values())) for selector in selectors]


def beside(*selectors: str, root: str = ".") -> list[Floats]:
    """Return columns of one model matched by their order, without what any of them lacks."""
    columns = complete(*selectors, root=root)
    known = np.isfinite(columns).all(axis=0)
    return [column[known] for column in columns]


def layered(selector: str, *others: str, root: str = ".") -> list[Floats]:
    """Return a column of one row a question and layer as a table, and columns of questions.

    Questions without a value at any layer are left out of all of them.
    """
    column = read(selector, root)
    questions = list(dict.fromkeys(key[-2] for key in column))
    layers = list(dict.fromkeys(key[-1] for key in column))
    values = {(key[-2], key[-1]): value for key, value in column.items()}
    grid = np.array([[values[q, x] for x in layers] for q in questions])
    known = np.isfinite(grid).any(axis=1)
    return [grid[known], *(other[known] for other in complete(*others, root=root))]


def grids(*selectors: str, root: str = ".") -> list[Floats]:
    """Return columns of one row a question and layer as tables (questions, layers)."""
    return [layered(selector, root=root)[0] for selector in selectors]


def generator(seed: int, name: str) -> np.random.Generator:
    """Make the generator that belongs to a name under the study's seed."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype=np.uint32)
    return np.random.default_rng([seed, *words.tolist()])


MOST_DRAWS = 500_000_000  # indices that are held at once


def affordable(n: int, size: int) -> None:
    """Refuse more random draws than a sound build asks for."""
    if n * size > MOST_DRAWS:
        raise ValueError(f"{size} draws of {n} things are too many")


def even(values: Floats) -> Floats:
    """Round to 13 significant digits, so that no rounding error breaks a tie of ranks."""
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** np.where(np.isfinite(size), np.clip(12 - size, -290, 290), 0)
    return np.round(values * scale) / scale


@lru_cache(maxsize=16)
def resamples(seed: int, name: str, n: int, size: int) -> Integers:
    """Draw bootstrap resamples as rows of indices, shape (size, n)."""
    affordable(n, size)
    rng = generator(seed, f"counts.{name}.{n}")
    if n >= 1_000:
        return rng.integers(0, n, size=(size, n))
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=size)
    return np.array([np.repeat(np.arange(n), count) for count in drawn])


@lru_cache(maxsize=16)
def shuffles(seed: int, name: str, n: int, size: int) -> Integers:
    """Draw random orders of n things, shape (size, n)."""
    affordable(n, size)
    orders = np.tile(np.arange(n), (size, 1))
    return generator(seed, f"permutations.{name}.{n}").permuted(orders, axis=1)
