"""Feature files: what a study ships with a paper so that every statistic can be recomputed.

Six tidy tables, a ``meta.json`` and a ``README.md``. Numbers are written with all their
digits, so that reading gives back what was written, to the last bit; a missing value is an
empty cell.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from report.capture.feature_meta import FORMAT_VERSION, Checksum, seal
from report.capture.features import Baseline, Calibration, Features, FloatArray
from report.study.texts import guarded

Row = dict[str, str]

# Columns of questions.csv and the fields of Baseline that they hold.
BY_QUESTION = (
    "entropy", "entropy_low", "entropy_high", "stored_mass", "slope", "autocorrelation",
    "misaligned_entropy",
)  # fmt: skip
# Columns of calibration.csv and the fields of Calibration that they hold.
BY_ANSWER = ("entropy", "entropy_low", "entropy_high", "stored_mass")
UNFILTERED = ("entropy", "entropy_low", "entropy_high", "stored_mass", "entropy_full")
# Columns of layers.csv and the fields of Baseline that they hold.
BY_LAYER = {
    "entropy": "layer_entropy",
    "entropy_fixed": "layer_entropy_fixed",
    "entropy_corrected": "layer_entropy_corrected",
}
TABLES = ("questions", "layers", "spectra", "positions", "calibration")
FILES = ("meta.json", *(f"{table}.csv" for table in TABLES))
"""What is read of the feature files."""
SHIPPED = "shipped"
"""Folder of a build's features that holds the files that are not used as they were shipped."""

README = """\
# Features

Written by `statistical-report`: what was computed from the captures, and all that any statistic
of the report is computed from. Entropies are in nats. An empty cell is a missing value;
`problems` in `meta.json` says why. Questions and answers count from 1, layers from 0 (the
embeddings), positions (tokens of an answer) from 1.

- Texts that begin with `=`, `+`, `-` or `@` have an apostrophe before them, so that no spreadsheet
  runs them.
- `questions.csv`, one row a model and question: `number`, `text`, `n_answers` (where there are
  several, all else is their mean), `n_tokens`, `n_longest` (answers as long as the longest of the
  capture), `n_words`, `entropy_within` (variance of entropy between the answers);
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
- `calibration.csv`, one row a model, axis, pole and question (`number`): `axis`, `pole`,
  `question`, `n_answers`, `n_tokens`, `n_longest`, `n_words`, `entropy`, `entropy_low`,
  `entropy_high`, `stored_mass`, `misaligned_entropy`.
- `meta.json`: format version, scalars by model, problems found, captures with size and SHA-256.
  `tables` gives the number of each model's rows in each table, and their SHA-256: over one line a
  row, the names of the columns first, each the list of its cells as JSON writes it. `sha256` is
  that of all else in `meta.json`, as JSON writes it with sorted keys.
"""


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _length(value: float) -> str:
    return str(int(value)) if isinstance(value, np.integer) else repr(float(value))


def _write(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """Write a table, and return number and checksum of its rows by model."""
    sums: dict[str, Checksum] = {}
    with path.open("w", encoding="utf-8", newline="") as handle:
        # The line end of RFC 4180: with a bare \n, csv leaves a lone \r in a text unquoted.
        writer = csv.writer(handle, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            cells = [row.get(column, "") for column in columns]
            writer.writerow(cells)
            sums.setdefault(row["model"], Checksum(columns)).add(cells)
    return {model: checksum.described for model, checksum in sums.items()}


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
        "model", "number", "text", "n_answers", "n_tokens", "n_longest", "n_words", *BY_QUESTION,
        "entropy_within",
        *(f"unfiltered_{name}" for name in (*UNFILTERED, "n_inside")),
    ]  # fmt: skip
    if clash := set(fixed) & set(axes):
        raise ValueError(f"axes called like a column of questions.csv: {sorted(clash)}")
    columns = {
        "questions": [*fixed, *axes],
        "layers": ["model", "number", "layer", *BY_LAYER],
        "spectra": ["model", "layer", "spectral_entropy"],
        "positions": ["model", "position", "running_entropy"],
        "calibration": [
            "model", "number", "axis", "pole", "question", "n_answers", "n_tokens", "n_longest",
            "n_words", *BY_ANSWER, "misaligned_entropy",
        ],
    }  # fmt: skip
    rows: dict[str, Iterable[Row]] = {
        "questions": (row for b in baselines for row in _question_rows(b)),
        "layers": (row for b in baselines for row in _layer_rows(b)),
        "spectra": (r for b in baselines for r in _series(b, "spectral_entropy", "layer", 0)),
        "positions": (r for b in baselines for r in _series(b, "running_entropy", "position", 1)),
        "calibration": (r for c in features.calibrations.values() for r in _answer_rows(c)),
    }
    meta = _meta(features)
    meta["tables"] = {
        table: _write(folder / f"{table}.csv", columns[table], rows[table]) for table in TABLES
    }
    meta["sha256"] = seal(meta)
    (folder / "README.md").write_text(README, encoding="utf-8")
    text = json.dumps(meta, ensure_ascii=False, indent=1, allow_nan=False)
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
                    for name in (*BY_LAYER.values(), "spectral_entropy", "running_entropy",
                                 "misaligned_entropy", "unfiltered", "entropy_within")
                    if getattr(b, name) is not None
                ],
            }
            for key, b in features.baselines.items()
        },
        "calibrations": {
            key: {
                "boundaries": c.boundaries,
                "limit": c.limit,
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
            "text": guarded(text),
            "n_answers": str(b.n_answers[i]),
            "n_tokens": _length(b.n_tokens[i]),
            "n_longest": str(b.n_longest[i]),
            "n_words": _length(b.n_words[i]),
            "entropy_within": "" if b.entropy_within is None else _number(b.entropy_within[i]),
        }
        for name in BY_QUESTION:
            values: FloatArray | None = getattr(b, name)
            row[name] = "" if values is None else _number(values[i])
        if b.unfiltered is not None:
            for name in UNFILTERED:
                row[f"unfiltered_{name}"] = _number(getattr(b.unfiltered, name)[i])
            row["unfiltered_n_inside"] = str(b.unfiltered.n_inside[i])
        yield row | {axis: _number(values[i]) for axis, values in b.projections.items()}


def _layer_rows(b: Baseline) -> Iterable[Row]:
    found: dict[str, FloatArray] = {
        column: getattr(b, name)
        for column, name in BY_LAYER.items()
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
            "question": guarded(question),
            "n_answers": str(c.n_answers[i]),
            "n_tokens": _length(c.n_tokens[i]),
            "n_longest": str(c.n_longest[i]),
            "n_words": _length(c.n_words[i]),
            **{name: _number(getattr(c, name)[i]) for name in BY_ANSWER},
            "misaligned_entropy": (
                "" if c.misaligned_entropy is None else _number(c.misaligned_entropy[i])
            ),
        }
