"""Reading feature files; ``report.capture.feature_files`` writes them."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from report.capture.feature_files import BY_LAYER, BY_QUESTION, FORMAT_VERSION, TABLES, Row
from report.capture.features import (
    Baseline,
    Calibration,
    Features,
    FloatArray,
    IntArray,
    Problem,
    Unfiltered,
)
from report.capture.lengths import limit_of
from report.capture.questions import MATCHED_ALIKE, folded, respelt, strangers
from report.capture.rows import listing
from report.study.errors import InputError
from report.study.study import Study
from report.study.texts import read_csv, read_text
from stats.outcome import Reason

_EXTRACT_AGAIN = "Write the features again from the captures."


class _Table:
    """One CSV, read once: rows by model, with errors that name column and line."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: dict[str, list[Row]] = defaultdict(list)
        try:
            for row in read_csv(self.path):
                if None in row or None in row.values():
                    raise InputError(self.path, "", "a row is not whole", _EXTRACT_AGAIN)
                self.rows[row.get("model", "")].append(row)
        except csv.Error as error:
            problem = f"can't be read ({error})"
            raise InputError(self.path, "", problem, _EXTRACT_AGAIN) from error

    def column(self, model: str, name: str, convert: Callable[[str], Any]) -> list[Any]:
        try:
            return [convert(row[name]) for row in self.rows.get(model, [])]
        except KeyError as error:
            raise InputError(self.path, name, "the column is missing", _EXTRACT_AGAIN) from error
        except ValueError as error:
            raise InputError(self.path, name, f"not a number ({error})", _EXTRACT_AGAIN) from error

    def texts(self, model: str, name: str) -> tuple[str, ...]:
        return tuple(self.column(model, name, str))

    def floats(self, model: str, name: str) -> FloatArray:
        values = self.column(model, name, lambda cell: float(cell) if cell else math.nan)
        return np.array(values, dtype=np.float64)

    def integers(self, model: str, name: str) -> IntArray:
        return np.array(self.column(model, name, int), dtype=np.int64)

    def lengths(self, model: str, name: str) -> IntArray | FloatArray:
        """Return lengths of answers: whole, or means over several answers."""
        values = self.floats(model, name)
        whole = all(cell.lstrip("-").isdigit() for cell in self.texts(model, name))
        return values.astype(np.int64) if whole else values

    def optional(self, model: str, name: str) -> IntArray:
        """Return a column that older files lack: then nothing."""
        held = all(name in row for row in self.rows.get(model, []))
        return self.integers(model, name) if held else np.zeros(0, dtype=np.int64)


def read_features(folder: Path) -> Features:
    """Read the feature files of a study.

    Raises
    ------
    InputError
        If a file is missing or not what it should be, or of another format version.
    """
    path = folder / "meta.json"
    try:
        meta = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(path, "", f"can't be read ({error})", _EXTRACT_AGAIN) from error
    version = cast("dict[str, Any]", meta).get("version") if isinstance(meta, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            path, "version", f"is {version!r}, this program reads {FORMAT_VERSION}",
            _EXTRACT_AGAIN,
        )  # fmt: skip
    tables = {name: _Table(folder, name) for name in TABLES}
    try:
        return Features(
            baselines={k: _baseline(k, m, tables) for k, m in meta["baselines"].items()},
            calibrations={
                k: _calibration(k, m, tables["calibration"])
                for k, m in meta["calibrations"].items()
            },
            problems=tuple(Problem(**problem) for problem in meta["problems"]),
            inputs=tuple(meta["inputs"]),
            origin="features",
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(path, str(error), "is not as it was written", _EXTRACT_AGAIN) from error


def fitted(features: Features, study: Study) -> Features:
    """Keep of shipped features what the study names; what it names and they lack is missing."""
    named = {model.key for model in study.models}
    problems = [p for p in features.problems if p.model in ("", *named)]
    unnamed = sorted((features.baselines.keys() | features.calibrations.keys()) - named)
    if unnamed:
        problems.append(
            Problem("meta.json", "", f"holds models that study.toml does not name: "
                    f"{listing(unnamed)}", "Add them to study.toml, if they belong to the study.",
                    str(Reason.NOT_TESTED), "", "", "baseline", note=True)
        )  # fmt: skip
    baselines = {key: b for key, b in features.baselines.items() if key in named}
    for key, baseline in baselines.items():
        nothing = np.full(baseline.n_questions, np.nan)
        lacking = [a.key for a in study.axes if a.key not in baseline.projections]
        problems += [
            Problem("questions.csv", axis, "is not among the features", _EXTRACT_AGAIN,
                    str(Reason.MISSING_CAPTURE), f"all that needs the projections on {axis}",
                    key, "projections", axis=axis) for axis in lacking
        ]  # fmt: skip
        projections = {a.key: baseline.projections.get(a.key, nothing) for a in study.axes}
        questions = tuple(map(folded, baseline.questions))
        problems += _spellings("questions.csv", key, baseline.questions, "projections")
        baselines[key] = replace(baseline, projections=projections, questions=questions)
    calibrations = {key: c for key, c in features.calibrations.items() if key in named}
    for key, c in calibrations.items():
        problems += _spellings("calibration.csv", key, c.question, "calibration")
        calibrations[key] = replace(c, question=tuple(map(folded, c.question)))
    asked = {key: baseline.questions for key, baseline in baselines.items()}
    problems += [p for p in strangers(study, asked, "{}_baseline.json") if p not in problems]
    return replace(
        features, baselines=baselines, calibrations=calibrations, problems=tuple(problems)
    )


def _spellings(file: str, model: str, written: Sequence[str], part: str) -> list[Problem]:
    if not (said := respelt(written)):
        return []
    return [
        Problem(file, "question", said, MATCHED_ALIKE, str(Reason.MISALIGNED), "", model, part,
                note=True)
    ]  # fmt: skip


def _baseline(key: str, meta: Mapping[str, Any], tables: Mapping[str, _Table]) -> Baseline:
    questions, has = tables["questions"], set(meta["has"])
    texts = questions.texts(key, "text")
    values = {
        name: questions.floats(key, name)
        for name in BY_QUESTION
        if name != "misaligned_entropy" or name in has
    }
    optional: dict[str, FloatArray] = {
        name: _matrix(tables["layers"], key, column, len(texts))
        for column, name in BY_LAYER.items()
        if name in has
    }
    if "spectral_entropy" in has:
        optional["spectral_entropy"] = tables["spectra"].floats(key, "spectral_entropy")
    if "running_entropy" in has:
        optional["running_entropy"] = tables["positions"].floats(key, "running_entropy")
    return Baseline(
        model=key,
        questions=texts,
        n_tokens=questions.lengths(key, "n_tokens"),
        n_words=questions.lengths(key, "n_words"),
        n_answers=questions.optional(key, "n_answers"),
        n_longest=questions.optional(key, "n_longest"),
        entropy_within=(
            questions.floats(key, "entropy_within") if "entropy_within" in has else None
        ),
        projections={axis: questions.floats(key, axis) for axis in meta["axes"]},
        filtered=bool(meta["filtered"]),
        boundaries=str(meta["boundaries"]),
        unfiltered=_unfiltered(questions, key) if "unfiltered" in has else None,
        extras=dict(meta["extras"]),
        **values,
        **optional,
    )


def _matrix(layers: _Table, key: str, column: str, n_questions: int) -> FloatArray:
    values = layers.floats(key, column)
    if n_questions == 0 or values.size == 0 or values.size % n_questions:
        raise InputError(
            layers.path, column, f"{values.size} rows of {key} do not fit {n_questions} questions",
            _EXTRACT_AGAIN,
        )  # fmt: skip
    return values.reshape(n_questions, -1)


def _unfiltered(questions: _Table, key: str) -> Unfiltered:
    arrays: dict[str, Any] = {
        f.name: questions.floats(key, f"unfiltered_{f.name}")
        for f in fields(Unfiltered)
        if f.name != "n_inside"
    }
    return Unfiltered(**arrays, n_inside=questions.integers(key, "unfiltered_n_inside"))


def _calibration(key: str, meta: Mapping[str, Any], table: _Table) -> Calibration:
    return Calibration(
        model=key,
        axis=table.texts(key, "axis"),
        pole=table.texts(key, "pole"),
        question=table.texts(key, "question"),
        n_tokens=table.lengths(key, "n_tokens"),
        n_words=table.lengths(key, "n_words"),
        n_answers=table.optional(key, "n_answers"),
        n_longest=table.optional(key, "n_longest"),
        limit=meta["limit"] if "limit" in meta else limit_of(table.lengths(key, "n_tokens")),
        entropy=table.floats(key, "entropy"),
        boundaries=str(meta["boundaries"]),
        misaligned_entropy=(
            table.floats(key, "misaligned_entropy") if "misaligned_entropy" in meta["has"] else None
        ),
    )
