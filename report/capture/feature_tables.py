"""The tables of feature files, read cell by cell: what can't be used costs what rests on it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from report.capture.feature_meta import PUT_BACK, Checksum, RowsMeta
from report.capture.features import FloatArray, IntArray
from report.capture.findings import Findings, listing
from report.study.errors import InputError
from report.study.fields import LARGEST
from report.study.texts import read_rows
from stats.outcome import Reason

# Columns that number the rows of a model, each with its first number and what it counts.
_NUMBERED = {
    "questions": {"number": (1, "question")},
    "layers": {"number": (1, "question"), "layer": (0, "layer")},
    "spectra": {"layer": (0, "layer")},
    "positions": {"position": (1, "token")},
    "calibration": {"number": (1, "answer")},
}
PART = {
    "questions": "baseline",
    "layers": "layers",
    "spectra": "layers",
    "positions": "baseline",
    "calibration": "calibration",
}
"""Part of a capture, as `report.capture.features.Problem` names it, by table."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_COUNT = re.compile(r"\d{1,12}", re.ASCII)
_FAR = 10  # a number of a row that is so many times the rows is none

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class _Line:
    """A row that can be read, its cells by column, and the number of its line."""

    number: int
    cells: Mapping[str, str]


class FeatureTable:
    """One table, read once.

    Parameters
    ----------
    folder : Path
    name : str
        One of ``feature_files.TABLES``.
    expected : mapping of str to RowsMeta
        What ``meta.json`` says of each model's rows; empty in older files.

    Raises
    ------
    InputError
        If nothing of it can be used.
    """

    def __init__(self, folder: Path, name: str, expected: Mapping[str, RowsMeta]) -> None:
        self.name, self.path, self.expected = name, folder / f"{name}.csv", expected
        self.header, lines = read_rows(self.path)
        for column in ("model", *_NUMBERED[name]):
            if self.header.count(column) != 1:
                said = "two columns have" if column in self.header else "no column has"
                raise InputError(
                    self.path,
                    column,
                    f"{said} this name; there are {listing(self.header) or 'none'}",
                    f"{PUT_BACK} Commas separate columns.",
                )
        place = self.header.index("model")
        self._lines: dict[str, list[tuple[int, list[str]]]] = {}
        for number, cells in lines:
            model = cells[place] if place < len(cells) else ""
            self._lines.setdefault(model, []).append((number, cells))

    def check_models(self, named: Iterable[str], findings: Findings) -> None:
        """Record the rows of models that ``meta.json`` does not name."""
        strange = sorted(self._lines.keys() - set(named))
        lines = [f"line {number}" for key in strange for number, _ in self._lines[key]]
        if lines:
            findings.problem(
                self.path,
                "model",
                f"meta.json does not name {listing(list(map(repr, strange)))}, "
                f"as {listing(lines, 3)} do{'es' * (len(lines) == 1)}",
                PUT_BACK,
                Reason.DAMAGED_FILE,
                "these rows",
                PART[self.name],
            )

    def rows(self, findings: Findings, n_questions: int | None = None) -> Rows:
        """Return the rows of a model, each in its place.

        Parameters
        ----------
        findings : Findings
            Of the model.
        n_questions : int, optional
            For the table of layers.

        Raises
        ------
        InputError
            If what ``meta.json`` counts does not fit the questions.
        """
        model = findings.model
        expected, lines = self.expected.get(model), self._lines.get(model, [])
        count = None if expected is None else expected.rows
        rows = Rows(self, findings)
        if expected is not None:
            checksum = Checksum(self.header)
            for _, cells in lines:
                checksum.add(cells)
            if checksum.described != expected.model_dump():
                rows.problem(
                    "",
                    f"the rows of {model} have changed since they were written (their SHA-256"
                    " differs), and so may all that rests on them",
                    "",
                )
        if n_questions is None:
            rows.fill(lines, (count,))
        elif count is None:
            rows.fill(lines, (n_questions, None))
        elif n_questions and count % n_questions == 0:
            rows.fill(lines, (n_questions, count // n_questions))
        else:
            said = f"{count} rows of {model} do not fit {n_questions} questions"
            raise InputError(self.path, "", said, PUT_BACK)
        return rows


class Rows:
    """The rows of one model in a table, each in the place that its numbers give it.

    Attributes
    ----------
    shape : tuple of int
        How many places there are along each column that numbers rows.
    """

    def __init__(self, table: FeatureTable, findings: Findings) -> None:
        self.table, self.findings = table, findings
        self.shape: tuple[int, ...] = ()
        self._lines: list[_Line | None] = []
        self._numbered = _NUMBERED[table.name]

    def fill(self, lines: Sequence[tuple[int, list[str]]], counts: tuple[int | None, ...]) -> None:
        """Put lines in their places, of which ``counts`` gives the number where it is known."""
        rows = math.prod(n for n in counts if n)  # for each step of what is not counted
        far = tuple(_FAR * math.ceil(len(lines) / rows) if n is None else math.inf for n in counts)
        placed = [(where, line) for line in self._whole(lines) if (where := self._place(line, far))]
        self.shape = tuple(
            max((where[i] + 1 for where, _ in placed), default=0) if n is None else n
            for i, n in enumerate(counts)
        )
        self._lines = [None] * math.prod(self.shape)
        lost: set[int] = set()
        for where, line in placed:
            if any(i >= n for i, n in zip(where, self.shape, strict=True)):
                self._lose(line, "is one more than meta.json counts", f"line {line.number}")
                continue
            place = int(np.ravel_multi_index(where, self.shape))
            first = self._lines[place]
            if first is None and place not in lost:
                self._lines[place] = line
            elif first is not None and first.cells == line.cells:
                self._lose(line, f"is line {first.number} again", "")
            else:
                lost.add(place)
                self._lines[place] = None
                self._lose(
                    line,
                    f"is about {self.name(place)} again, and says something else",
                    f"{self.name(place)}, and what rests on it",
                )
        gaps = [i for i, line in enumerate(self._lines) if line is None and i not in lost]
        if gaps:
            named = listing([self.name(place) for place in gaps], 3)
            said = f"there is no row of {named} of {self.findings.model}"
            self.problem("", said, f"{named}, and what rests on it")

    def _whole(self, lines: Sequence[tuple[int, list[str]]]) -> Iterator[_Line]:
        header = self.table.header
        for number, cells in lines:
            if len(cells) == len(header):
                yield _Line(number, dict(zip(header, cells, strict=True)))
            else:
                said = f"line {number} has {len(cells)} cells, the first line {len(header)}"
                self.problem("", said, f"line {number}")

    def _place(self, line: _Line, far: tuple[float, ...]) -> tuple[int, ...]:
        """Return where a line belongs, counted from 0; nothing where it does not say."""
        cells = {column: line.cells[column] for column in self._numbered}
        where = tuple(
            int(cells[column]) - first if _COUNT.fullmatch(cells[column]) else -1
            for column, (first, _) in self._numbered.items()
        )
        if all(0 <= i < most for i, most in zip(where, far, strict=True)):
            return where
        said = " and ".join(f"{column} {cell!r}" for column, cell in cells.items())
        self._lose(line, f"has {said}, which is not the number of a row", f"line {line.number}")
        return ()

    def _lose(self, line: _Line, problem: str, costs: str) -> None:
        self.problem("", f"line {line.number} {problem}", costs)

    def problem(self, column: str, problem: str, costs: str, axis: str = "") -> None:
        """Record what is wrong with these rows."""
        part = PART[self.table.name]
        if axis or column.startswith("unfiltered_"):
            part = "projections" if axis else "unfiltered"
        self.findings.problem(
            self.table.path, column, problem, PUT_BACK, Reason.DAMAGED_FILE, costs, part, axis=axis
        )

    def lose(self, which: BoolArray, column: str, problem: str) -> None:
        """Record that some rows can't be used."""
        if which.any():
            named = listing([self.name(place) for place in np.flatnonzero(which).tolist()], 3)
            self.problem(column, f"{problem} {named}", f"{named}, and what rests on it")

    def name(self, place: int) -> str:
        """Return what a place is called in a message, such as ``question 3``."""
        where = np.unravel_index(place, self.shape)
        counted = zip(where, self._numbered.values(), strict=True)
        return ", ".join(f"{word} {int(i) + first}" for i, (first, word) in counted)

    @property
    def there(self) -> BoolArray:
        """Which places have a row."""
        return np.array([line is not None for line in self._lines], dtype=np.bool_)

    def texts(self, column: str) -> tuple[str, ...]:
        """Return the cells of a column, ``""`` where there is no row."""
        if self.table.header.count(column) == 1:
            return tuple("" if line is None else line.cells[column] for line in self._lines)
        return ("",) * len(self._lines)

    def floats(self, column: str, low: float = -LARGEST, *, axis: str = "") -> FloatArray:
        """Return a column of numbers; NaN where the cell is empty or can't be used."""

        def number(text: str) -> float:
            value = float(text) if _NUMBER.fullmatch(text) else math.nan
            return value if low <= value <= LARGEST else math.nan

        return np.array(self._read(column, number, math.nan, axis), dtype=np.float64)

    def counts(self, column: str) -> IntArray:
        """Return a column of counts; -1 where the cell is empty or can't be used."""

        def count(text: str) -> float:
            return int(text) if _COUNT.fullmatch(text) else math.nan

        return np.array(self._read(column, count, -1, ""), dtype=np.int64)

    def lengths(self, column: str) -> IntArray | FloatArray:
        """Return lengths of answers, whole or means over several; 0 where one is unknown."""
        values = np.nan_to_num(self.floats(column, 0.0))
        whole = all(not cell or _COUNT.fullmatch(cell) for cell in self.texts(column))
        return values.astype(np.int64) if whole else values

    def _read(
        self, column: str, convert: Callable[[str], float], missing: float, axis: str
    ) -> list[float]:
        """Convert the cells of a column; one that is NaN then can't be used."""
        if (times := self.table.header.count(column)) != 1:
            said = "two columns have this name" if times else "the column is missing"
            self.problem(column, said, f"{column}, and what rests on it", axis)
        values: list[float] = []
        bad: list[int] = []
        for place, text in enumerate(self.texts(column)):
            value = convert(text) if text else missing
            if text and math.isnan(value):
                bad.append(place)
                value = missing
            values.append(value)
        if bad:
            lines = [line for place in bad if (line := self._lines[place]) is not None]
            held = [f"{line.cells[column]!r} in line {line.number}" for line in lines]
            named = listing([self.name(place) for place in bad], 3)
            self.problem(
                column,
                f"holds {listing(held, 3)}, which is not a number that it can be",
                f"{column} of {named}, and what rests on it",
                axis,
            )
        return values
