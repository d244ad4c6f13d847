"""The JSON beside a baseline capture, and the JSONL beside a calibration capture."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from report.capture.features import POLES, FloatArray, IntArray
from report.capture.findings import CaptureError
from report.capture.questions import folded
from report.study.errors import InputError
from report.study.texts import read_text
from stats.outcome import Reason

_MOST = 2**53  # the last whole number before floats begin to skip some
_WRITE_AGAIN = "Copy the file again, or make the capture again."


@dataclass(frozen=True)
class Answers:
    """What a response file says about each answer, in the order of the file (Q answers).

    ``questions`` are spelt as they are matched, ``written`` as they stand in the file. ``counts``
    and ``times`` are None where the file does not give them for every answer.
    """

    questions: tuple[str, ...]
    counts: IntArray | None
    n_words: IntArray  # 0 where unknown
    times: FloatArray | None  # seconds
    written: tuple[str, ...] = ()

    @property
    def nameless(self) -> list[int]:
        """Numbers, from 1, of the answers that a file lists without the text of the question."""
        return [number for number, text in enumerate(self.written, start=1) if not folded(text)]


@dataclass(frozen=True)
class BaselineFile:
    """A baseline JSON.

    Parameters
    ----------
    answers : Answers
    listed : bool
        False where the file has no ``responses``: the questions are then nameless.
    projections : mapping of str to ndarray, shape (Q,)
        Every axis of the file, as far as its values number Q.
    uneven : tuple of str
        Axes whose values do not number Q.
    declared : int or None
        ``n_questions`` of the file.
    """

    answers: Answers
    listed: bool
    projections: Mapping[str, FloatArray]
    uneven: tuple[str, ...]
    declared: int | None


@dataclass(frozen=True)
class CalibrationFile:
    """A calibration JSONL: the answers and what each was an answer to.

    Parameters
    ----------
    answers : Answers
    axis, pole : tuple of str
    damaged : CaptureError or None
        What is wrong with the one line that can't be read. It keeps its place among the answers,
        with no tokens and empty labels.
    """

    answers: Answers
    axis: tuple[str, ...]
    pole: tuple[str, ...]
    damaged: CaptureError | None = None

    @cached_property
    def labels(self) -> list[tuple[str, str, str]]:
        """``(axis, pole, question)`` of each line."""
        return list(zip(self.axis, self.pole, self.answers.questions, strict=True))

    def select(self, lines: IntArray) -> CalibrationFile:
        """Keep some of the lines."""
        a = self.answers
        kept = Answers(
            tuple(a.questions[i] for i in lines),
            None if a.counts is None else a.counts[lines],
            a.n_words[lines],
            None if a.times is None else a.times[lines],
            tuple(a.written[i] for i in lines),
        )
        return CalibrationFile(
            kept, tuple(self.axis[i] for i in lines), tuple(self.pole[i] for i in lines)
        )


def _number(value: object) -> float:
    """Return a JSON number as float, and NaN for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if abs(value) <= sys.float_info.max else math.nan
    return math.nan


def _count(value: object) -> float:
    """Return a count, also one that was written as text, and NaN for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value.strip(), re.ASCII):
        return float(value)
    return _number(value)


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except InputError as error:
        raise CaptureError(path, error.field, error.problem, error.remedy) from error


def _object(path: Path, text: str, field: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaptureError(path, field, f"not valid JSON ({error})", _WRITE_AGAIN) from error
    if not isinstance(document, dict):
        raise CaptureError(path, field, "is not a JSON object", _WRITE_AGAIN)
    return cast("dict[str, Any]", document)


def _whole(values: FloatArray) -> IntArray | None:
    if (
        not np.isfinite(values).all()
        or (values < 0).any()
        or (values > _MOST).any()
        or (values != np.rint(values)).any()
    ):
        return None
    return values.astype(np.int64)


def _named(text: str, model: str, number: int) -> str:
    """Return the spelling by which a question is matched; without a text, nothing matches it."""
    return folded(text) or f"[{model}, question {number}]"


def _asked(row: dict[str, Any]) -> str:
    question = "" if row["question"] is None else str(row["question"]).strip()
    # JSON may hold halves of surrogate pairs, which no file can.
    return question.encode(errors="replace").decode()


def _answers(rows: list[dict[str, Any]], model: str) -> Answers:
    words: list[int] = []
    for row in rows:
        given = _count(row.get("n_words"))
        response = row.get("response")
        counted = len(response.split()) if isinstance(response, str) else 0
        words.append(int(given) if 0 <= given <= _MOST else counted)
    times = np.array([_number(row.get("generation_time_s")) for row in rows], dtype=np.float64)
    tokens = np.array([_count(row.get("n_tokens")) for row in rows], dtype=np.float64)
    written = tuple(map(_asked, rows))
    return Answers(
        questions=tuple(_named(text, model, i) for i, text in enumerate(written, start=1)),
        counts=_whole(tokens),
        n_words=np.array(words, dtype=np.int64),
        times=times if np.isfinite(times).all() else None,
        written=written,
    )


def _rows(path: Path, document: dict[str, Any]) -> list[dict[str, Any]] | None:
    found = document.get("responses")
    if not found:
        return None
    rows = cast("list[Any]", found) if isinstance(found, list) else [None]
    if not all(isinstance(row, dict) and "question" in row for row in rows):
        raise CaptureError(
            path, "responses", "is not a list of objects with a question", _WRITE_AGAIN
        )
    return cast("list[dict[str, Any]]", rows)


def _values(path: Path, document: dict[str, Any]) -> dict[str, FloatArray]:
    # Older files call the table of axes `baseline`.
    table = document.get("axes", document.get("baseline"))
    if not isinstance(table, dict):
        raise CaptureError(
            path, "axes", "is missing (older files call it baseline)",
            "Make the baseline file again.", Reason.MISSING_CAPTURE,
        )  # fmt: skip
    values: dict[str, FloatArray] = {}
    for axis, entry in cast("dict[str, Any]", table).items():
        listed = cast("dict[str, Any]", entry).get("values") if isinstance(entry, dict) else None
        numbers = cast("list[Any]", listed) if isinstance(listed, list) else []
        values[axis] = np.array([_number(v) for v in numbers], dtype=np.float64)
    return values


def read_baseline_json(path: Path, model: str) -> BaselineFile:
    """Read ``<m>_baseline.json``, with the key ``axes`` or the older ``baseline``.

    Parameters
    ----------
    path : Path
    model : str
        Key of the model, for naming the questions of a file that does not list them: such
        names are the model's own, so that they are never matched with another model's.

    Raises
    ------
    CaptureError
        If the file is not what it should be.
    """
    document = _object(path, _text(path), "")
    rows = _rows(path, document)
    values = _values(path, document)
    declared = _count(document.get("n_questions"))
    if document.get("n_questions") is not None and not 0 <= declared <= _MOST:
        raise CaptureError(
            path, "n_questions", "is no count that a capture can have", "Make the file again."
        )
    n_declared = int(declared) if math.isfinite(declared) else None
    if rows is None:
        sizes = {v.size for v in values.values()} | ({n_declared} if n_declared else set[int]())
        if len(sizes) != 1 or 0 in sizes:
            raise CaptureError(
                path, "responses", "is missing, and the axes do not agree on the number of"
                f" questions {sorted(sizes)}", "Make the baseline file again.", Reason.MISALIGNED,
            )  # fmt: skip
        n = sizes.pop()
        nameless = tuple(_named("", model, i) for i in range(1, n + 1))
        answers = Answers(nameless, None, np.zeros(n, dtype=np.int64), None)
    else:
        answers = _answers(rows, model)
    n = len(answers.questions)
    return BaselineFile(
        answers=answers,
        listed=rows is not None,
        projections={axis: v for axis, v in values.items() if v.size == n},
        uneven=tuple(axis for axis, v in values.items() if v.size != n),
        declared=n_declared,
    )


def read_calibration_jsonl(path: Path, model: str) -> CalibrationFile:
    """Read ``<m>_calibration_responses.jsonl``.

    Parameters
    ----------
    path : Path
    model : str
        Key of the model, as for `read_baseline_json`.

    Raises
    ------
    CaptureError
        If more than one line is not an object with ``axis``, ``pole`` and ``question``, or names
        a pole that is neither positive nor negative; or if no line can be read.
    """
    rows: list[dict[str, Any]] = []
    damaged: list[CaptureError] = []
    # Not splitlines: an answer may hold a line separator that JSON does not escape.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_labelled(path, line, f"line {number}"))
        except CaptureError as error:
            damaged.append(error)
            rows.append({"axis": "", "pole": "", "question": "", "n_tokens": 0})
    if not rows:
        raise CaptureError(path, "", "is empty", _WRITE_AGAIN, Reason.MISSING_CAPTURE)
    if len(damaged) > 1 or len(damaged) == len(rows):
        raise damaged[0]
    return CalibrationFile(
        _answers(rows, model),
        tuple(str(row["axis"]) for row in rows),
        tuple(str(row["pole"]) for row in rows),
        damaged[0] if damaged else None,
    )


def _labelled(path: Path, line: str, field: str) -> dict[str, Any]:
    row = _object(path, line, field)
    missing = [key for key in ("axis", "pole", "question") if key not in row]
    if missing:
        raise CaptureError(path, field, f"has no {' and no '.join(missing)}", _WRITE_AGAIN)
    if row["pole"] not in POLES:
        raise CaptureError(
            path, field, f"names the pole {row['pole']!r}", "Name the poles positive and negative."
        )
    return row
