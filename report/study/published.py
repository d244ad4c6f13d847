"""A study's transcribed tables. A bad cell costs what rests on it, never the build."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from report.study.errors import InputError
from report.study.faults import Fault
from report.study.fields import LARGEST, MOST_OBSERVATIONS
from report.study.texts import read_rows
from stats.outcome import Reason

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
# Columns that a table need not have, and whose cells may be empty.
_FURTHER_NUMBERS = {
    "integrity_models": ("recovered_mean_nats", "recovered_sd_nats", "recovered_median_nats",
                         "tokens_per_answer", "tokens_per_prompt"),
}  # fmt: skip
_FURTHER_COUNTS = {
    "integrity_models": ("n_tokens_in_json", "answers", "answers_without_rows"),
}
# Columns of words, with the words that they may hold.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "calibration": {"p_relation": ("", "=", "<"), "status": ("published", "nan")},
    "peaks": {"starred": ("true", "false")},
    "integrity_models": {"basis": ("figure", "assumed")},
}
# Cells that are of no use without another one of their row.
_USELESS_WITHOUT = {
    "calibration": {"p_relation": ("p",), "delta_nats": ("p",)},
    "peaks": {"layer": ("rho",)},
}
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
# Numbers of observations: on them all other cells of their row rest.
_SIZES = frozenset({"n", "n_questions", "n_axes", "n_questions_supported"})
# Tables of which a row with a damaged cell says nothing any more.
_ALL_OR_NOTHING = {"integrity_models": {"n_questions_supported", "basis"},
                   "integrity_axes": {"recovered_rho"}}  # fmt: skip
# Smallest and largest value that a column can hold.
_LIMITS = {
    "rho": (-1.0, 1.0),
    "recovered_rho": (-1.0, 1.0),
    "p": (math.ulp(0.0), 1.0),
    "entropy_mean_nats": (0.0, LARGEST),
    "entropy_sd_nats": (0.0, LARGEST),
    "effective_dimension": (0.0, LARGEST),
    **dict.fromkeys(
        ("n", "n_questions", "n_layers", "n_axes", "n_questions_supported"),
        (1.0, MOST_OBSERVATIONS),
    ),
    **dict.fromkeys(("layer", "dead_zones"), (0.0, MOST_OBSERVATIONS)),
}
_WITH_AXIS = ("behaviour", "calibration", "peaks", "constant_axes", "integrity_axes")
_WITH_MODEL = ("generation", "layers", "dead_zones", "integrity_models", *_WITH_AXIS)
TABLES = frozenset(_WITH_MODEL)
"""Names of the tables that experiments read."""
ACCEPTED = "accepted"
"""Folder of a build's published tables that holds those with a fault as they are used."""


class Row(dict[str, str]):
    """One row of a table by column; the cells of the columns in ``damaged`` can't be used."""

    damaged: frozenset[str] = frozenset()

    def why(self, column: str) -> Reason:
        """Say why an empty cell is empty."""
        return Reason.DAMAGED_FILE if column in self.damaged else Reason.PUBLISHED_NAN


Rows = list[Row]


@dataclass
class Published:
    """The transcribed tables of a study, and what is wrong with them.

    Parameters
    ----------
    tables : dict
        Rows by stem of the file. A damaged cell is empty in them (a number of
        observations is 0).
    faults : list of Fault
        In the order of the files.
    lost : list of (table, model, axis)
        Rows that can't be used at all; ``""`` for a key that could not be read.
    headers : dict
        Columns by table.
    """

    tables: dict[str, Rows] = field(default_factory=dict[str, Rows])
    faults: list[Fault] = field(default_factory=list[Fault])
    lost: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def mended(self) -> frozenset[str]:
        """Names of the tables that are not used as they stand in their file."""
        lost = {table for table, _, _ in self.lost}
        return frozenset(
            name for name, rows in self.tables.items()
            if name in lost or any(row.damaged for row in rows)
        )  # fmt: skip

    def lacks(self, table: str, model: str, axis: str = "") -> bool:
        """Tell whether a row that is not there may be one that could not be used."""
        return any(
            name == table and of in ("", model) and on in ("", axis) for name, of, on in self.lost
        )


def read_tables(folder: Path, models: Collection[str], axes: Collection[str]) -> Published:
    """Read the tables of a folder by stem of their file, as rows of strings.

    Parameters
    ----------
    folder : Path
        May be absent.
    models, axes : collections of str
        Keys that the study names.

    Returns
    -------
    Published
        A file, column, row or cell that can't be used stands in ``faults``.
    """
    found = Published()
    for path in sorted(folder.glob("*.csv")):
        try:
            _Reader(found, path, models, axes).read()
        except InputError as error:
            found.faults.append(Fault(error, f"all that rests on the table {path.stem}"))
            found.lost.append((path.stem, "", ""))
    return found


class _Reader:
    """Reads one table into what was found so far."""

    def __init__(
        self, found: Published, path: Path, models: Collection[str], axes: Collection[str]
    ) -> None:
        self.found, self.path, self.name = found, path, path.stem
        self.keys = {"model": models} if self.name in _WITH_MODEL else {}
        self.keys |= {"axis": axes} if self.name in _WITH_AXIS else {}
        needed = (*_NUMBERS.get(self.name, ()), *_COUNTS.get(self.name, ()))
        self.optional = {column.rstrip("?") for column in needed if column.endswith("?")}
        self.words = _WORDS.get(self.name, {})
        self.needed = (*self.words, *(column.rstrip("?") for column in needed))
        self.counts = {column.rstrip("?") for column in _COUNTS.get(self.name, ())}

    def read(self) -> None:
        """Read the file.

        Raises
        ------
        InputError
            If nothing of it can be used.
        """
        header, lines = read_rows(self.path)
        twice = {column for column in header if column and header.count(column) > 1}
        kept = tuple(column for column in dict.fromkeys(header) if column not in twice)
        for column in self.keys:
            if column not in kept:
                raise self._absent(column, header)
        for column in sorted(twice):
            self._fault(column, "two columns have this name", "Keep one, or rename the other.",
                        f"what rests on {column} in {self.name}")  # fmt: skip
        for column in self.needed:
            if column not in (*kept, *twice):
                costs = f"what rests on {column} in {self.name}"
                self.found.faults.append(Fault(self._absent(column, header), costs))
        absent = {column for column in self.needed if column not in kept}
        self._further(kept)
        self.found.headers[self.name] = (*kept, *(c for c in self.needed if c not in kept))
        rows = [
            row for line, cells in lines
            if (row := self._row(line, header, cells, absent)) is not None
        ]  # fmt: skip
        self.found.tables[self.name] = self._unique(rows)

    def _further(self, header: Sequence[str]) -> None:
        """Take up the columns that the table need not have."""
        numbers = [c for c in _FURTHER_NUMBERS.get(self.name, ()) if c in header]
        counts = [c for c in _FURTHER_COUNTS.get(self.name, ()) if c in header]
        self.needed = (*self.needed, *numbers, *counts)
        self.optional |= {*numbers, *counts}
        self.counts |= set(counts)

    def _row(
        self, line: int, header: Sequence[str], cells: Sequence[str], absent: set[str]
    ) -> tuple[int, Row] | None:
        row = Row(dict.fromkeys(self.found.headers[self.name], ""))
        row |= {c: text for c, text in zip(header, cells, strict=False) if c in row}
        if not self._known(line, row):
            return None
        damaged = set(absent)
        if len(cells) > len(header):
            damaged |= set(self.needed) or (set(row) - set(self.keys))
            self._fault(
                "", f"line {line} has more cells than the first line",
                'Write decimals with a point, and put text that holds a comma into "quotes".',
                f"{self._subject(row)} in {self.name}",
            )  # fmt: skip
        else:
            self._respell(row)
            damaged |= set(self._bad_cells(line, row, absent))
        for column, others in _USELESS_WITHOUT.get(self.name, {}).items():
            damaged |= set(others) if column in damaged else set()
        if damaged & _SIZES:
            damaged |= set(self.needed)
        if damaged & _ALL_OR_NOTHING.get(self.name, set()):
            self.found.lost.append((self.name, row["model"], row.get("axis", "")))
            return None
        _empty(row, damaged)
        return line, row

    def _known(self, line: int, row: Row) -> bool:
        for column, keys in self.keys.items():
            if row[column] not in keys:
                known = [row[c] if row[c] in of else "" for c, of in self.keys.items()]
                self.found.lost.append((self.name, known[0], (*known, "")[1]))
                self._fault(
                    column, f"line {line} names {row[column]!r}, which study.toml does not",
                    "Correct the key, or add it to study.toml.", f"line {line} of {self.name}",
                )  # fmt: skip
                return False
        return True

    def _respell(self, row: Row) -> None:
        """Read what pandas writes: ``True``, and ``1000.0`` beside an empty cell."""
        for column in self.counts & row.keys():
            if whole := _WHOLE.fullmatch(row[column]):
                row[column] = whole[1]
        for column, words in self.words.items():
            if row[column] not in words and row[column].lower() in words:
                row[column] = row[column].lower()

    def _bad_cells(self, line: int, row: Row, absent: set[str]) -> Iterator[str]:
        for column, words in self.words.items():
            if column not in absent and row[column] not in words:
                known = ", ".join(word or "an empty cell" for word in words)
                yield self._bad(line, row, column, f"holds {row[column]!r}", f"Known are: {known}.")
        for column in self.needed:
            text = row[column]
            if column in absent or column in self.words or (not text and column in self.optional):
                continue
            if not _usable(column, text, counted=column in self.counts):
                kind = "a count" if column in self.counts else "a number that it can be"
                if "\N{MINUS SIGN}" in text:
                    kind += " (its sign is U+2212: write a hyphen)"
                may = "Correct it, or leave the cell empty."
                yield self._bad(line, row, column, f"holds {text!r}, which is not {kind}",
                                may if column in self.optional else "Correct it.")  # fmt: skip
        if self.name == "calibration" and row["p"] and not row["delta_nats"]:
            yield self._bad(
                line, row, "delta_nats", "has a p and no difference that it is about",
                "Write the difference of the poles.",
            )  # fmt: skip

    def _bad(self, line: int, row: Row, column: str, problem: str, remedy: str) -> str:
        self._fault(column, f"line {line} {problem}", remedy,
                    f"{column} of {self._subject(row)}, and what rests on it")  # fmt: skip
        return column

    def _unique(self, rows: Sequence[tuple[int, Row]]) -> Rows:
        """Keep one row about each subject; where two say different things, neither is believed."""
        seen: dict[object, Row] = {}
        for line, row in rows:
            subject = tuple(row[key] for key in self.keys) or line
            first = seen.setdefault(subject, row)
            if first is row:
                continue
            alike = dict(first) == dict(row)
            self._fault(
                list(self.keys)[-1], f"line {line} is about {self._subject(row)} again",
                "Keep one line for each.",
                "" if alike else f"{self._subject(row)} in {self.name}, for the lines differ",
            )  # fmt: skip
            if not alike:
                _empty(first, set(self.needed))
        return list(seen.values())

    def _subject(self, row: Mapping[str, str]) -> str:
        return ", ".join(row[key] for key in self.keys) or "a row"

    def _absent(self, column: str, header: Sequence[str]) -> InputError:
        return InputError(
            self.path, column, f"the column is missing; there are {', '.join(header) or 'none'}",
            "Add it to the table; commas separate columns.",
        )  # fmt: skip

    def _fault(self, column: str, problem: str, remedy: str, costs: str) -> None:
        self.found.faults.append(Fault(InputError(self.path, column, problem, remedy), costs))


def _empty(row: Row, damaged: set[str]) -> None:
    """Empty the damaged cells of a row; where a number of observations is, there are none."""
    row |= dict.fromkeys(damaged, "") | dict.fromkeys(damaged & {*_SIZES, "n_layers"}, "0")
    row.damaged = frozenset(damaged)


def _usable(column: str, text: str, *, counted: bool) -> bool:
    # float() also takes "1_000", and digits of other scripts.
    if not text.isascii() or "_" in text or (counted and not text.isdecimal()):
        return False
    try:
        value = float(text)
    except ValueError:
        return False
    low, high = _LIMITS.get(column, (-LARGEST, LARGEST))
    return math.isfinite(value) and low <= value <= high


def write_accepted(published: Published, folder: Path) -> None:
    """Write the tables of which a part can't be used as they are used, for a second path to read.

    Parameters
    ----------
    published : Published
    folder : Path
        Made if one of the tables needs it.
    """
    for name in sorted(published.mended):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
            columns = published.headers[name]
            writer = csv.DictWriter(handle, columns, lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(published.tables[name])
