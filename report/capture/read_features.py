"""Reading feature files; ``report.capture.feature_files`` writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from report.capture.feature_files import BY_LAYER, TABLES, UNFILTERED
from report.capture.feature_meta import (
    COSTS,
    BaselineMeta,
    CalibrationMeta,
    read_meta,
)
from report.capture.feature_tables import PART, BoolArray, FeatureTable, Rows
from report.capture.features import (
    POLES,
    Baseline,
    Calibration,
    Features,
    FloatArray,
    IntArray,
    Problem,
    Unfiltered,
)
from report.capture.findings import Findings
from report.capture.lengths import limit_of
from report.capture.questions import folded
from report.study.errors import InputError
from report.study.texts import unguarded
from stats.outcome import Reason

_LEAST = -1e-6  # an entropy is below 0 by rounding alone


def read_features(folder: Path) -> Features:
    """Read the feature files of a study.

    Returns
    -------
    Features
        A file, row or cell that can't be used raises nothing: it costs what rests on it. It
        stands in ``problems``, after those of the captures; so does an edit.
    """
    features, found = examine(folder)
    return replace(features, problems=(*features.problems, *found))


def examine(folder: Path) -> tuple[Features, tuple[Problem, ...]]:
    """Read feature files, and return apart what is wrong with them."""
    general = Findings("")
    try:
        meta = read_meta(folder / "meta.json", general)
    except InputError as error:
        general.error(error, "all that needs captures", "baseline")
        return Features(origin="features"), tuple(general.problems)
    tables: dict[str, FeatureTable] = {}
    for name in TABLES:
        try:
            tables[name] = FeatureTable(folder, name, meta.tables.get(name, {}))
        except InputError as error:
            general.error(error, COSTS[name], PART[name])
            continue
        named = meta.calibrations if name == "calibration" else meta.baselines
        tables[name].check_models(named, general)
    found = {key: Findings(key) for key in {**meta.baselines, **meta.calibrations}}
    baselines = {k: _baseline(m, tables, found[k]) for k, m in meta.baselines.items()}
    calibrations = {
        k: _calibration(m, tables, baselines.get(k), found[k]) for k, m in meta.calibrations.items()
    }
    features = Features(
        {key: b for key, b in baselines.items() if b is not None},
        {key: c for key, c in calibrations.items() if c is not None},
        tuple(Problem(**problem.model_dump()) for problem in meta.problems),
        tuple(item.model_dump() for item in meta.inputs),
        origin="features",
    )
    problems = [*general.problems, *(p for of_model in found.values() for p in of_model.problems)]
    return features, tuple(problems)


def _baseline(
    meta: BaselineMeta, tables: Mapping[str, FeatureTable], findings: Findings
) -> Baseline | None:
    if "questions" not in tables:
        return None
    rows = tables["questions"].rows(findings)
    texts = tuple(map(unguarded, rows.texts("text")))
    n_answers, n_longest = _answers(rows)
    kept = _kept(rows, "text", [(folded(text),) for text in texts], n_answers)
    if not kept.any():
        return None
    values = _entropies(rows)
    values |= {name: rows.floats(name) for name in ("slope", "autocorrelation")}
    values |= {
        name: rows.floats(name, _LEAST)
        for name in ("misaligned_entropy", "entropy_within")
        if name in meta.has
    }
    if "entropy_within" not in meta.has and (n_answers > 1).any():
        rows.problem(
            "entropy_within",
            "is missing, although answers are averaged",
            "the variance between answers to one question",
        )
        values["entropy_within"] = np.full(kept.size, np.nan)
    chosen = {name: column[kept] for name, column in values.items()}
    chosen |= _layers(meta, tables, kept, findings)
    if "running_entropy" in meta.has and "positions" in tables:
        chosen["running_entropy"] = (
            tables["positions"].rows(findings).floats("running_entropy", _LEAST)
        )
    chosen |= _spectrum(meta, tables, findings)
    return Baseline(
        model=findings.model,
        questions=tuple(texts[i] for i in np.flatnonzero(kept)),
        n_tokens=rows.lengths("n_tokens")[kept],
        n_words=rows.lengths("n_words")[kept],
        projections={axis: rows.floats(axis, axis=axis)[kept] for axis in meta.axes},
        filtered=meta.filtered,
        boundaries=meta.boundaries,
        unfiltered=_unfiltered(rows, kept) if "unfiltered" in meta.has else None,
        extras=meta.extras,
        n_answers=n_answers[kept],
        n_longest=n_longest[kept],
        **chosen,
    )


def _answers(rows: Rows) -> tuple[IntArray, IntArray]:
    """Return numbers of answers; older files have none of these columns: then one answer each."""
    held = [
        rows.counts(name) if name in rows.table.header else None
        for name in ("n_answers", "n_longest")
    ]
    n_answers, n_longest = held
    if n_answers is None:
        n_answers = rows.there.astype(np.int64)
    if n_longest is None:
        lengths = rows.lengths("n_tokens")
        n_longest = ((lengths > 0) & (lengths == lengths.max(initial=0))).astype(np.int64)
    return n_answers, np.maximum(n_longest, 0)


def _kept(
    rows: Rows, column: str, labels: Sequence[tuple[str, ...]], n_answers: IntArray
) -> BoolArray:
    """Return which rows can be used: those that say what they are about, each another thing."""
    there = rows.there
    times = Counter(label for label, held in zip(labels, there, strict=True) if held)
    nameless = there & np.array([not all(label) for label in labels], dtype=np.bool_)
    alike = there & ~nameless & np.array([times[label] > 1 for label in labels], dtype=np.bool_)
    uncounted = there & (n_answers < 1)
    rows.lose(nameless, column, "is not said in the row of")
    rows.lose(alike, column, "is the same in the rows of")
    rows.lose(uncounted & ~nameless & ~alike, "n_answers", "is not 1 or more in the row of")
    return there & ~nameless & ~alike & ~uncounted


def _entropies(rows: Rows) -> dict[str, FloatArray]:
    """Read an entropy with its bounds and the mass it was seen in: all of a question, or none."""
    names = ("entropy", "entropy_low", "stored_mass")
    values = {name: rows.floats(name, _LEAST) for name in names}
    unknown = np.isnan(list(values.values())).any(axis=0)
    # The upper bound may be empty: it needs the size of the vocabulary.
    values["entropy_high"] = rows.floats("entropy_high", _LEAST)
    return {name: np.where(unknown, np.nan, column) for name, column in values.items()}


def _layers(
    meta: BaselineMeta, tables: Mapping[str, FeatureTable], kept: BoolArray, findings: Findings
) -> dict[str, FloatArray]:
    columns = {column: name for column, name in BY_LAYER.items() if name in meta.has}
    if not columns or "layers" not in tables:
        return {}
    try:
        rows = tables["layers"].rows(findings, kept.size)
    except InputError as error:
        findings.error(error, COSTS["layers"], PART["layers"])
        return {}
    return {
        name: rows.floats(column, _LEAST).reshape(rows.shape)[kept]
        for column, name in columns.items()
    }


def _spectrum(
    meta: BaselineMeta, tables: Mapping[str, FeatureTable], findings: Findings
) -> dict[str, FloatArray]:
    """Read spectral entropies; without that of one layer, their lowest and highest are unknown."""
    if "spectral_entropy" not in meta.has or "spectra" not in tables:
        return {}
    rows = tables["spectra"].rows(findings)
    values = rows.floats("spectral_entropy", _LEAST)
    undefined = rows.there & [text == "" for text in rows.texts("spectral_entropy")]
    return {"spectral_entropy": values} if (np.isfinite(values) | undefined).all() else {}


def _unfiltered(rows: Rows, kept: BoolArray) -> Unfiltered | None:
    n_inside = rows.counts("unfiltered_n_inside")
    if (n_inside[kept] < 0).any():
        rows.problem(
            "unfiltered_n_inside",
            "does not count the tokens of every question",
            "the comparison of bounds with the full entropy",
        )
        return None
    values = {name: rows.floats(f"unfiltered_{name}", _LEAST)[kept] for name in UNFILTERED}
    return Unfiltered(**values, n_inside=n_inside[kept])


def _unbounded(rows: Rows, baseline: Baseline | None) -> dict[str, FloatArray]:
    """Read the entropies of an older file, which doesn't say how much probability was stored.

    They are taken as those of whole distributions, but where the baseline of the model shows
    that candidates leave some out.
    """
    entropy = rows.floats("entropy", _LEAST)
    whole = baseline is None or baseline.is_complete
    rows.findings.problem(
        rows.table.path,
        "entropy_low",
        "there are no bounds: older files don't say how much probability the stored candidates"
        " hold" + ("; they are taken to hold all of it" if whole else ""),
        "Write the feature files again from the captures.",
        Reason.NOT_IDENTIFIED,
        "" if whole else "the pole contrasts of this model",
        "calibration",
        note=whole,
    )
    if whole:
        return {"entropy": entropy}
    nothing = np.full(entropy.size, np.nan)
    return {
        "entropy": entropy,
        "entropy_low": np.where(np.isnan(entropy), np.nan, 0.0),
        "entropy_high": nothing,
        "stored_mass": nothing,
    }


def _calibration(
    meta: CalibrationMeta,
    tables: Mapping[str, FeatureTable],
    baseline: Baseline | None,
    findings: Findings,
) -> Calibration | None:
    if "calibration" not in tables:
        return None
    rows = tables["calibration"].rows(findings)
    axes, poles = rows.texts("axis"), rows.texts("pole")
    asked = tuple(map(unguarded, rows.texts("question")))
    n_answers, n_longest = _answers(rows)
    labels = [
        (axis, pole if pole in POLES else "", folded(question))
        for axis, pole, question in zip(axes, poles, asked, strict=True)
    ]
    kept = _kept(rows, "axis, pole or question", labels, n_answers)
    if not kept.any():
        return None
    axes, poles, asked = (
        tuple(cells[i] for i in np.flatnonzero(kept)) for cells in (axes, poles, asked)
    )
    n_tokens = rows.lengths("n_tokens")
    if {"entropy_low", "entropy_high", "stored_mass"} & set(rows.table.header):
        entropies = _entropies(rows)
    else:
        entropies = _unbounded(rows, baseline)
    known = "limit" in meta.model_fields_set
    return Calibration(
        model=findings.model,
        axis=axes,
        pole=poles,
        question=asked,
        n_tokens=n_tokens[kept],
        n_words=rows.lengths("n_words")[kept],
        **{name: values[kept] for name, values in entropies.items()},
        boundaries=meta.boundaries,
        misaligned_entropy=rows.floats("misaligned_entropy", _LEAST)[kept]
        if "misaligned_entropy" in meta.has
        else None,
        n_answers=n_answers[kept],
        n_longest=n_longest[kept],
        limit=meta.limit if known else limit_of(n_tokens),
    )
