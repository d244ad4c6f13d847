"""A study's transcribed tables, with each cell that a number is made from checked once."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from report.study.errors import InputError
from report.study.texts import read_csv

Rows = list[dict[str, str]]

# Columns that the experiments read, by table. A name that ends in "?" may be an empty cell; a
# table that is not listed here is kept as it is, for claims that rest on it.
_NUMBERS = {
    "generation": ("entropy_mean_nats", "entropy_sd_nats?", "entropy_median_nats?",
                   "effective_dimension?"),
    "layers": ("entropy_min_nats", "entropy_max_nats"),
    "behaviour": ("rho",),
    "dead_zones": ("entropy_mean_nats?",),
    "calibration": ("entropy_positive_nats?", "entropy_negative_nats?", "delta_nats?", "p?"),
    "peaks": ("rho",),
    "integrity_axes": ("recovered_rho",),
}  # fmt: skip
_COUNTS = {
    "generation": ("n_tokens?", "n_questions"),
    "layers": ("n_layers",),
    "behaviour": ("n",),
    "dead_zones": ("dead_zones", "n_axes"),
    "peaks": ("layer",),
    "integrity_models": ("n_questions_supported",),
}
# Columns of words, with the words that they may hold.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "calibration": {"p_relation": ("", "=", "<"), "status": ("published", "nan")},
    "peaks": {"starred": ("true", "false")},
    "integrity_models": {"basis": ("figure", "assumed")},
}
_HUGE = 1e12  # squares of more would leave the range of floats in sums
# Smallest and largest value that a column can hold.
_LIMITS = {
    "rho": (-1.0, 1.0),
    "recovered_rho": (-1.0, 1.0),
    "p": (math.ulp(0.0), 1.0),
    "entropy_mean_nats": (0.0, _HUGE),
    "entropy_sd_nats": (0.0, _HUGE),
    "effective_dimension": (0.0, _HUGE),
}
_WITH_AXIS = ("behaviour", "calibration", "peaks", "constant_axes", "integrity_axes")
_WITH_MODEL = ("generation", "layers", "dead_zones", "integrity_models", *_WITH_AXIS)
TABLES = frozenset(_WITH_MODEL)
"""Names of the tables that experiments read."""


def read_tables(folder: Path, models: Collection[str], axes: Collection[str]) -> dict[str, Rows]:
    """Read the tables of a folder by stem of their file, as rows of strings.

    Parameters
    ----------
    folder : Path
        May be absent.
    models, axes : collections of str
        Keys that the study names.

    Raises
    ------
    InputError
        Naming file, column and line of a cell that is missing, unknown or no number.
    """
    return {path.stem: _read(path, models, axes) for path in sorted(folder.glob("*.csv"))}


def _read(path: Path, models: Collection[str], axes: Collection[str]) -> Rows:
    try:
        reader = read_csv(path, restval="")
        rows, header = list(reader), reader.fieldnames or ()
    except csv.Error as error:
        raise InputError(path, "", f"can't be read ({error})", "Save it as UTF-8 CSV.") from error
    known = {"model": models} if path.stem in _WITH_MODEL else {}
    known |= {"axis": axes} if path.stem in _WITH_AXIS else {}
    numbers, counts = _NUMBERS.get(path.stem, ()), _COUNTS.get(path.stem, ())
    wanted = [*known, *_WORDS.get(path.stem, ()), *(c.rstrip("?") for c in (*numbers, *counts))]
    for column in wanted:
        if column not in header:
            raise InputError(
                path, column, f"the column is missing; there are {', '.join(header) or 'none'}",
                "Add it to the table; commas separate columns.",
            )  # fmt: skip
    for line, row in enumerate(rows, start=2):
        if None in row:
            raise InputError(
                path, "", f"line {line} has more cells than the first line",
                'Write decimals with a point, and put text that holds a comma into "quotes".',
            )  # fmt: skip
        for column, keys in known.items():
            if row[column] not in keys:
                raise InputError(
                    path, column, f"line {line} names {row[column]!r}, which study.toml does not",
                    "Correct the key, or add it to study.toml.",
                )  # fmt: skip
        _check_words(path, line, row)
        _check_numbers(path, line, row, numbers, counts)
    _check_unique(path, rows, list(known))
    return rows


def _check_words(path: Path, line: int, row: Mapping[str, str]) -> None:
    for column, words in _WORDS.get(path.stem, {}).items():
        if row[column] not in words:
            known = ", ".join(word or "an empty cell" for word in words)
            raise InputError(
                path, column, f"line {line} holds {row[column]!r}", f"Known are: {known}."
            )
    if path.stem == "calibration" and row["p"] and not row["delta_nats"]:
        raise InputError(
            path, "delta_nats", f"line {line} has a p and no difference that it is about",
            "Write the difference of the poles.",
        )  # fmt: skip


def _check_numbers(
    path: Path, line: int, row: Mapping[str, str], numbers: Sequence[str], counts: Sequence[str]
) -> None:
    for name in (*numbers, *counts):
        column = name.rstrip("?")
        text = row[column]
        if not text and name != column:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        low, high = _LIMITS.get(column, (-_HUGE, _HUGE))
        counted = name not in counts or text.isdecimal()
        if not (math.isfinite(value) and low <= value <= high and counted):
            kind = "a count" if name in counts else "a number that it can be"
            kind += " (its sign is U+2212: write a hyphen)" if "\N{MINUS SIGN}" in text else ""
            raise InputError(
                path, column, f"line {line} holds {text!r}, which is not {kind}",
                "Correct it." if name == column else "Correct it, or leave the cell empty.",
            )  # fmt: skip


def _check_unique(path: Path, rows: Rows, keys: Sequence[str]) -> None:
    seen: set[tuple[str, ...]] = set()
    for line, row in enumerate(rows, start=2):
        subject = tuple(row[key] for key in keys)
        if keys and subject in seen:
            raise InputError(
                path, keys[-1], f"line {line} is about {', '.join(subject)} again",
                "Keep one line for each.",
            )  # fmt: skip
        seen.add(subject)
