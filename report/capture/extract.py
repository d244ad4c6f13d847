"""From captures to features: the only stage that touches big files."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from report.capture.axes import check_axes
from report.capture.baseline import BaselineCapture, read_baseline
from report.capture.boundaries import answer_means, answers
from report.capture.cache import entry_for, load, store
from report.capture.calibration import CalibrationCapture, read_calibration
from report.capture.features import (
    Baseline,
    Calibration,
    Features,
    FloatArray,
    IntArray,
    Problem,
    Unfiltered,
)
from report.capture.findings import Findings
from report.capture.inputs import capture_files, describe_inputs
from report.capture.questions import strangers
from report.capture.read_features import fitted, read_features
from report.capture.rows import TokenRows
from report.study.study import Model, Study
from stats.entropy import (
    activation_entropy,
    lag1,
    position_slope,
    running_entropy,
    spectral_entropy,
)
from stats.outcome import Reason

Progress = Callable[[str, int, int], None]

FIXED_BINS = 64
# Nats; log-probabilities and full entropies are stored as float32.
_ROUNDING = 1e-4


def extract(
    study: Study,
    *,
    jobs: int = 1,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Compute a study's features from its captures, or read them where they are shipped.

    Parameters
    ----------
    study : Study
    jobs : int
        Processes that work on models at the same time; the result does not depend on it.
    cache : Path, optional
        Folder of the cache. An entry is found by the content of the captures and of the code.
    progress : callable, optional
        Called as ``progress(model name, models done, models)``.

    Returns
    -------
    Features
        With ``origin`` ``"raw"``, ``"features"``, or ``"none"`` where there is neither.

    Raises
    ------
    InputError
        If the feature files are there but can't be read. A bad capture raises nothing: it
        costs its own rows, and ``problems`` says so.
    """
    if not any(capture_files(study, model) for model in study.models):
        if study.features_folder.is_dir():
            return fitted(read_features(study.features_folder), study)
        return Features(problems=(_no_captures(study),), origin="none")
    done: dict[str, Features] = {}
    for key, features in _each(study, jobs, cache):
        done[key] = features
        if progress is not None:
            progress(study.model(key).name, len(done), len(study.models))
    features = merge(done[model.key] for model in study.models)
    asked = {key: b.questions for key, b in features.baselines.items()}
    between = strangers(study, asked, "{}_baseline.json")
    return replace(features, problems=(*features.problems, *between))


def _each(study: Study, jobs: int, cache: Path | None) -> Iterator[tuple[str, Features]]:
    """Yield the features of each model as they come: from the cache, then computed."""
    # Hashing releases the interpreter, so threads share it: it is most of a cached run.
    with ThreadPoolExecutor(max(jobs, 1)) as threads:
        described = threads.map(partial(describe_inputs, study), study.models)
        inputs = dict(zip((model.key for model in study.models), described, strict=True))
    entries: dict[str, Path | None] = {}
    for model in study.models:
        entries[model.key] = entry = entry_for(cache, _content(study, model, inputs[model.key]))
        if entry is not None and (kept := load(entry)) is not None:
            yield model.key, kept
            entries.pop(model.key)
    left = [study.model(key) for key in entries]
    for key, computed in _computed(study, left, jobs):
        features = replace(computed, inputs=inputs[key])
        if (entry := entries[key]) is not None:
            store(entry, features)
        yield key, features


def _computed(study: Study, models: list[Model], jobs: int) -> Iterator[tuple[str, Features]]:
    if jobs <= 1 or len(models) <= 1:
        for model in models:
            yield model.key, extract_model(study, model)
        return
    # Spawned, not forked: a fork of a process with threads may never come back.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(models)), mp_context=context) as pool:
        futures = {pool.submit(extract_model, study, model): model.key for model in models}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _content(study: Study, model: Model, inputs: tuple[Mapping[str, object], ...]) -> object:
    """Return all that a model's features depend on, beside the code."""
    settings = (model.key, model.vocabulary, model.in_baseline, study.n_questions)
    return (settings, tuple(axis.key for axis in study.axes), inputs)


def merge(parts: Iterable[Features]) -> Features:
    """Join the features of several models."""
    listed = list(parts)
    return Features(
        baselines={k: b for part in listed for k, b in part.baselines.items()},
        calibrations={k: c for part in listed for k, c in part.calibrations.items()},
        problems=tuple(p for part in listed for p in part.problems),
        inputs=tuple(i for part in listed for i in part.inputs),
    )


def _no_captures(study: Study) -> Problem:
    return Problem(
        study.raw, "", "there are no captures", "Put the captures into this folder.",
        str(Reason.MISSING_CAPTURE), "all that can't be computed from the published tables",
        "", "baseline", note=bool(study.published),
    )  # fmt: skip


def extract_model(study: Study, model: Model) -> Features:
    """Compute the features of one model, without the list of its inputs."""
    baseline, calibration, problems = read_model(study, model)
    return Features(
        {model.key: baseline_features(baseline)} if baseline else {},
        {model.key: calibration_features(calibration)} if calibration else {},
        problems,
    )


def read_model(
    study: Study, model: Model
) -> tuple[BaselineCapture | None, CalibrationCapture | None, tuple[Problem, ...]]:
    """Read one model's captures and all that is wrong with them, without the costly statistics."""
    findings = Findings(model.key)
    baseline = read_baseline(study, model, findings)
    calibration = read_calibration(study, model, findings)
    check_axes(study, model, findings)
    return baseline, calibration, tuple(findings.problems)


def baseline_features(capture: BaselineCapture) -> Baseline:
    """Compute the features of one baseline capture; of repeated questions the last answer."""
    listed = capture.file.answers
    latest = np.array(sorted({q: i for i, q in enumerate(listed.questions)}.values()))
    tokens = _tokens(listed.counts, len(listed.questions))
    layers = None if capture.layers is None else capture.layers[latest]
    return Baseline(
        model=capture.model,
        questions=tuple(listed.questions[i] for i in latest),
        n_tokens=(np.diff(capture.rows.boundaries.edges) if capture.rows else tokens)[latest],
        n_words=listed.n_words[latest],
        projections={axis: values[latest] for axis, values in capture.projections.items()},
        **_token_features(capture, latest),
        **({} if layers is None else _layer_features(layers)),
    )


def _token_features(capture: BaselineCapture, latest: IntArray) -> dict[str, Any]:
    """Compute what comes from the tokens of the chosen answers; NaN where there are none."""
    if capture.rows is None:
        names = ("entropy", "entropy_low", "entropy_high", "stored_mass", "slope",
                 "autocorrelation")  # fmt: skip
        missing = {name: np.full(latest.size, np.nan) for name in names}
        return missing | {"filtered": False, "boundaries": ""}
    tokens, boundaries = capture.rows.tokens, capture.rows.boundaries
    edges = boundaries.edges
    parts = answers(tokens.top_k, edges)
    whole = [a for i in latest if (a := parts[i]).size and np.isfinite(a).all()]
    slopes, lags = _courses(capture.rows)
    wrong = _misaligned(capture.rows)
    return {
        "entropy": answer_means(tokens.top_k, edges)[latest],
        "entropy_low": answer_means(tokens.low, edges)[latest],
        "entropy_high": answer_means(tokens.high, edges)[latest],
        "stored_mass": answer_means(tokens.mass, edges)[latest],
        "slope": slopes[latest],
        "autocorrelation": lags[latest],
        "filtered": tokens.filtered,
        "boundaries": boundaries.rule,
        "running_entropy": running_entropy(whole) if whole else None,
        "misaligned_entropy": None if wrong is None else wrong[latest],
        "unfiltered": _unfiltered(capture, edges, latest),
    }


def _layer_features(layers: NDArray[Any]) -> dict[str, Any]:
    """Compute what comes from the states of every layer, shape (Q, L, H)."""
    known = np.isfinite(layers).all(axis=-1).any(axis=-1)  # else a question overflowed everywhere
    return {
        "layer_entropy": activation_entropy(layers),
        "layer_entropy_fixed": activation_entropy(layers, FIXED_BINS),
        "layer_entropy_corrected": activation_entropy(layers, corrected=True),
        "spectral_entropy": np.array(
            [spectral_entropy(layers[known, i]) for i in range(layers.shape[1])]
        ),
    }


def calibration_features(capture: CalibrationCapture) -> Calibration:
    """Compute the features of one calibration capture."""
    edges, latest = capture.rows.boundaries.edges, capture.latest
    file = capture.file.select(latest)
    wrong = _misaligned(capture.rows)
    return Calibration(
        model=capture.model,
        axis=file.axis,
        pole=file.pole,
        question=file.answers.questions,
        n_tokens=np.diff(edges)[latest],
        n_words=file.answers.n_words,
        entropy=answer_means(capture.rows.tokens.top_k, edges)[latest],
        boundaries=capture.rows.boundaries.rule,
        misaligned_entropy=None if wrong is None else wrong[latest],
    )


def _tokens(counts: IntArray | None, n: int) -> IntArray:
    return np.zeros(n, dtype=np.int64) if counts is None else counts


def _courses(rows: TokenRows) -> tuple[FloatArray, FloatArray]:
    """Slope and lag-1 autocorrelation of every answer; NaN where a token is missing."""
    parts = answers(rows.tokens.top_k, rows.boundaries.edges)
    whole = [bool(np.isfinite(a).all()) for a in parts]
    slopes = [position_slope(a) if ok else np.nan for a, ok in zip(parts, whole, strict=True)]
    lags = [lag1(a) if ok else np.nan for a, ok in zip(parts, whole, strict=True)]
    return np.array(slopes, dtype=np.float64), np.array(lags, dtype=np.float64)


def _misaligned(rows: TokenRows) -> FloatArray | None:
    wrong = rows.boundaries.wrong
    return None if wrong is None else answer_means(rows.tokens.top_k, wrong)


def _unfiltered(capture: BaselineCapture, edges: IntArray, latest: IntArray) -> Unfiltered | None:
    raw, full = capture.raw, capture.full
    if raw is None or full is None:
        return None
    inside = (full >= raw.low - _ROUNDING) & (full <= raw.high + _ROUNDING)
    counts = [int(part.sum()) for part in answers(inside.astype(np.float64), edges)]
    return Unfiltered(
        entropy=answer_means(raw.entropy, edges)[latest],
        entropy_low=answer_means(raw.low, edges)[latest],
        entropy_high=answer_means(raw.high, edges)[latest],
        stored_mass=answer_means(raw.mass, edges)[latest],
        entropy_full=answer_means(full, edges)[latest],
        n_inside=np.array(counts, dtype=np.int64)[latest],
    )
