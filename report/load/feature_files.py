"""Feature files: what a study ships with a paper so that every statistic can be recomputed.

Six tidy tables, a ``meta.json`` and a ``README.md``. Numbers are written with all their
digits, so that reading gives back what was written, to the last bit; a missing value is an
empty cell.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from report.errors import InputError
from report.features import (
    Baseline,
    Calibration,
    Features,
    FloatArray,
    IntArray,
    Problem,
    Unfiltered,
)

FORMAT_VERSION = 1

Row = dict[str, str]

# Columns of questions.csv and the fields of Baseline that they hold.
_BY_QUESTION = (
    "entropy", "entropy_low", "entropy_high", "stored_mass", "slope", "autocorrelation",
    "misaligned_entropy",
)  # fmt: skip
_UNFILTERED = ("entropy", "entropy_low", "entropy_high", "stored_mass", "entropy_full")
# Columns of layers.csv and the fields of Baseline that they hold.
_BY_LAYER = {
    "entropy": "layer_entropy",
    "entropy_fixed": "layer_entropy_fixed",
    "entropy_corrected": "layer_entropy_corrected",
}
_TABLES = ("questions", "layers", "spectra", "positions", "calibration")
_EXTRACT_AGAIN = "Write the features again from the captures."

README = """\
# Features

Written by `statistical-report`: what was computed from the captures, and all that any statistic
of the report is computed from. Entropies are in nats. An empty cell is a missing value;
`problems` in `meta.json` says why. Questions and answers count from 1, layers from 0 (the
embeddings), positions (tokens of an answer) from 1.

- `questions.csv`, one row a model and question: `number`, `text`, `n_tokens`, `n_words`;
  `entropy` (mean over the tokens), `entropy_low` and `entropy_high` (bounds of the entropy over
  the whole vocabulary), `stored_mass` (probability of the stored candidates), `slope` (of the
  entropy, a token), `autocorrelation` (at lag 1), `misaligned_entropy` (what the offsets of
  another array would have given), `unfiltered_…` (the same from the scores before filtering,
  with `unfiltered_entropy_full`, the entropy over the whole vocabulary, and
  `unfiltered_n_inside`, the tokens whose entropy lies inside its bounds); then one column an
  axis, the projections.
- `layers.csv`, one row a model, question (`number`) and layer: activation entropy from
  Freedman-Diaconis bins (`entropy`), from 64 bins (`entropy_fixed`), with the Miller-Madow
  correction (`entropy_corrected`).
- `spectra.csv`, one row a model and layer: `spectral_entropy` of the covariance over questions.
- `positions.csv`, one row a model and position: `running_entropy`, the mean entropy of the
  tokens up to this one.
- `calibration.csv`, one row a model and answer (`number`): `axis`, `pole`, `question`,
  `n_tokens`, `n_words`, `entropy`, `misaligned_entropy`.
- `meta.json`: format version, scalars by model, problems found, captures with size and SHA-256.
"""


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_features(features: Features, folder: Path) -> None:
    """Write the feature files of a study.

    Parameters
    ----------
    features : Features
    folder : Path
        Made if it is not there; files of the same names are replaced.

    Raises
    ------
    ValueError
        If an axis has the name of a column.
    """
    folder.mkdir(parents=True, exist_ok=True)
    baselines = list(features.baselines.values())
    axes = list(dict.fromkeys(axis for b in baselines for axis in b.projections))
    fixed = [
        "model", "number", "text", "n_tokens", "n_words", *_BY_QUESTION,
        *(f"unfiltered_{name}" for name in (*_UNFILTERED, "n_inside")),
    ]  # fmt: skip
    if clash := set(fixed) & set(axes):
        raise ValueError(f"axes called like a column of questions.csv: {sorted(clash)}")
    columns = {
        "questions": [*fixed, *axes],
        "layers": ["model", "number", "layer", *_BY_LAYER],
        "spectra": ["model", "layer", "spectral_entropy"],
        "positions": ["model", "position", "running_entropy"],
        "calibration": [
            "model", "number", "axis", "pole", "question", "n_tokens", "n_words", "entropy",
            "misaligned_entropy",
        ],
    }  # fmt: skip
    rows: dict[str, Iterable[Row]] = {
        "questions": (row for b in baselines for row in _question_rows(b)),
        "layers": (row for b in baselines for row in _layer_rows(b)),
        "spectra": (r for b in baselines for r in _series(b, "spectral_entropy", "layer", 0)),
        "positions": (r for b in baselines for r in _series(b, "running_entropy", "position", 1)),
        "calibration": (r for c in features.calibrations.values() for r in _answer_rows(c)),
    }
    for table in _TABLES:
        _write(folder / f"{table}.csv", columns[table], rows[table])
    (folder / "README.md").write_text(README, encoding="utf-8")
    text = json.dumps(_meta(features), ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "meta.json").write_text(text + "\n", encoding="utf-8")


def _meta(features: Features) -> dict[str, Any]:
    return {
        "format": "statistical-report features",
        "version": FORMAT_VERSION,
        "baselines": {
            key: {
                "filtered": b.filtered,
                "boundaries": b.boundaries,
                "axes": list(b.projections),
                "extras": dict(b.extras),
                "has": [
                    name
                    for name in (*_BY_LAYER.values(), "spectral_entropy", "running_entropy",
                                 "misaligned_entropy", "unfiltered")
                    if getattr(b, name) is not None
                ],
            }
            for key, b in features.baselines.items()
        },
        "calibrations": {
            key: {
                "boundaries": c.boundaries,
                "has": [] if c.misaligned_entropy is None else ["misaligned_entropy"],
            }
            for key, c in features.calibrations.items()
        },
        "problems": [asdict(problem) for problem in features.problems],
        "inputs": [dict(item) for item in features.inputs],
    }  # fmt: skip


def _question_rows(b: Baseline) -> Iterable[Row]:
    for i, text in enumerate(b.questions):
        row = {
            "model": b.model,
            "number": str(i + 1),
            "text": text,
            "n_tokens": str(b.n_tokens[i]),
            "n_words": str(b.n_words[i]),
        }
        for name in _BY_QUESTION:
            values: FloatArray | None = getattr(b, name)
            row[name] = "" if values is None else _number(values[i])
        if b.unfiltered is not None:
            for name in _UNFILTERED:
                row[f"unfiltered_{name}"] = _number(getattr(b.unfiltered, name)[i])
            row["unfiltered_n_inside"] = str(b.unfiltered.n_inside[i])
        yield row | {axis: _number(values[i]) for axis, values in b.projections.items()}


def _layer_rows(b: Baseline) -> Iterable[Row]:
    found: dict[str, FloatArray] = {
        column: getattr(b, name)
        for column, name in _BY_LAYER.items()
        if getattr(b, name) is not None
    }
    if not found:
        return
    n_questions, n_layers = next(iter(found.values())).shape
    for i in range(n_questions):
        for layer in range(n_layers):
            row = {"model": b.model, "number": str(i + 1), "layer": str(layer)}
            yield row | {column: _number(values[i, layer]) for column, values in found.items()}


def _series(b: Baseline, name: str, index: str, first: int) -> Iterable[Row]:
    values: FloatArray | None = getattr(b, name)
    for i, value in enumerate(() if values is None else values.tolist(), start=first):
        yield {"model": b.model, index: str(i), name: _number(value)}


def _answer_rows(c: Calibration) -> Iterable[Row]:
    for i, (axis, pole, question) in enumerate(zip(c.axis, c.pole, c.question, strict=True)):
        yield {
            "model": c.model,
            "number": str(i + 1),
            "axis": axis,
            "pole": pole,
            "question": question,
            "n_tokens": str(c.n_tokens[i]),
            "n_words": str(c.n_words[i]),
            "entropy": _number(c.entropy[i]),
            "misaligned_entropy": (
                "" if c.misaligned_entropy is None else _number(c.misaligned_entropy[i])
            ),
        }


class _Table:
    """One CSV, read once: rows by model, with errors that name column and line."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: dict[str, list[Row]] = defaultdict(list)
        try:
            with self.path.open(encoding="utf-8", newline="") as handle:
                for row in csv.DictReader(handle, strict=True):
                    if None in row or None in row.values():
                        raise InputError(self.path, "", "a row is not whole", _EXTRACT_AGAIN)
                    self.rows[row.get("model", "")].append(row)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
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


def read_features(folder: Path) -> Features:
    """Read the feature files of a study.

    Raises
    ------
    InputError
        If a file is missing or not what it should be, or of another format version.
    """
    path = folder / "meta.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "", f"can't be read ({error})", _EXTRACT_AGAIN) from error
    version = cast("dict[str, Any]", meta).get("version") if isinstance(meta, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            path, "version", f"is {version!r}, this program reads {FORMAT_VERSION}",
            _EXTRACT_AGAIN,
        )  # fmt: skip
    tables = {name: _Table(folder, name) for name in _TABLES}
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


def _baseline(key: str, meta: Mapping[str, Any], tables: Mapping[str, _Table]) -> Baseline:
    questions, has = tables["questions"], set(meta["has"])
    texts = questions.texts(key, "text")
    values = {
        name: questions.floats(key, name)
        for name in _BY_QUESTION
        if name != "misaligned_entropy" or name in has
    }
    optional: dict[str, FloatArray] = {
        name: _matrix(tables["layers"], key, column, len(texts))
        for column, name in _BY_LAYER.items()
        if name in has
    }
    if "spectral_entropy" in has:
        optional["spectral_entropy"] = tables["spectra"].floats(key, "spectral_entropy")
    if "running_entropy" in has:
        optional["running_entropy"] = tables["positions"].floats(key, "running_entropy")
    return Baseline(
        model=key,
        questions=texts,
        n_tokens=questions.integers(key, "n_tokens"),
        n_words=questions.integers(key, "n_words"),
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
        n_tokens=table.integers(key, "n_tokens"),
        n_words=table.integers(key, "n_words"),
        entropy=table.floats(key, "entropy"),
        boundaries=str(meta["boundaries"]),
        misaligned_entropy=(
            table.floats(key, "misaligned_entropy") if "misaligned_entropy" in meta["has"] else None
        ),
    )
