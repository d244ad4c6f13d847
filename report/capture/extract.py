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
from report.capture.fit_features import fitted
from report.capture.inputs import capture_files, describe_inputs
from report.capture.lengths import limit_of
from report.capture.questions import strangers
from report.capture.read_features import read_features
from report.capture.repeats import Groups, averaged, groups_of, summed, variances
from report.capture.rows import TokenRows
from report.study.study import Model, Study
from stats.entropy import (
    activation_entropies,
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
    """Compute the features of one baseline capture; answers to one question are averaged."""
    listed = capture.file.answers
    groups = groups_of(listed.questions)
    tokens = _tokens(listed.counts, len(listed.questions))
    if capture.rows is not None:
        tokens = np.diff(capture.rows.boundaries.edges)
    return Baseline(
        model=capture.model,
        questions=tuple(listed.questions[group[0]] for group in groups),
        n_tokens=averaged(tokens, groups),
        n_words=averaged(listed.n_words, groups),
        n_answers=np.array([group.size for group in groups], dtype=np.int64),
        n_longest=_longest(tokens, groups),
        projections={axis: averaged(v, groups) for axis, v in capture.projections.items()},
        **_token_features(capture, groups),
        **({} if capture.layers is None else _layer_features(capture.layers, groups)),
    )


def _longest(tokens: IntArray, groups: Groups) -> IntArray:
    """Count the answers to each question that are as long as the longest of the capture."""
    longest = (tokens == tokens.max(initial=0)) & (tokens > 0)
    return summed(longest.astype(np.int64), groups)


def _token_features(capture: BaselineCapture, groups: Groups) -> dict[str, Any]:
    """Compute what comes from the tokens of the answers; NaN where there are none."""
    if capture.rows is None:
        names = ("entropy", "entropy_low", "entropy_high", "stored_mass", "slope",
                 "autocorrelation")  # fmt: skip
        missing = {name: np.full(len(groups), np.nan) for name in names}
        return missing | {"filtered": False, "boundaries": ""}
    tokens, boundaries = capture.rows.tokens, capture.rows.boundaries
    edges = boundaries.edges
    parts = answers(tokens.top_k, edges)
    whole = [a for a in parts if a.size and np.isfinite(a).all()]
    slopes, lags = _courses(capture.rows)
    wrong = _misaligned(capture.rows)
    entropy = answer_means(tokens.top_k, edges)
    return {
        "entropy": averaged(entropy, groups),
        "entropy_within": (
            variances(entropy, groups) if any(group.size > 1 for group in groups) else None
        ),
        "entropy_low": averaged(answer_means(tokens.low, edges), groups),
        "entropy_high": averaged(answer_means(tokens.high, edges), groups),
        "stored_mass": averaged(answer_means(tokens.mass, edges), groups),
        "slope": averaged(slopes, groups),
        "autocorrelation": averaged(lags, groups),
        "filtered": tokens.filtered,
        "boundaries": boundaries.rule,
        "running_entropy": running_entropy(whole) if whole else None,
        "misaligned_entropy": None if wrong is None else averaged(wrong, groups),
        "unfiltered": _unfiltered(capture, edges, groups),
    }


def _layer_features(layers: NDArray[Any], groups: Groups) -> dict[str, Any]:
    """Compute what comes from the states of every layer, shape (answers, L, H)."""
    states = averaged(layers, groups)
    known = np.isfinite(states).all(axis=-1).any(axis=-1)  # else a question overflowed everywhere
    plain, corrected = activation_entropies(layers)
    return {
        "layer_entropy": averaged(plain, groups),
        "layer_entropy_fixed": averaged(activation_entropy(layers, FIXED_BINS), groups),
        "layer_entropy_corrected": averaged(corrected, groups),
        "spectral_entropy": np.array(
            [spectral_entropy(states[known, i]) for i in range(layers.shape[1])]
        ),
    }


def calibration_features(capture: CalibrationCapture) -> Calibration:
    """Compute the features of one calibration capture; answers to one question are averaged."""
    edges, groups = capture.rows.boundaries.edges, capture.groups
    file = capture.file.select(np.array([group[0] for group in groups], dtype=np.int64))
    wrong = _misaligned(capture.rows)
    tokens, entropies = np.diff(edges), capture.rows.tokens
    return Calibration(
        model=capture.model,
        axis=file.axis,
        pole=file.pole,
        question=file.answers.questions,
        n_tokens=averaged(tokens, groups),
        n_words=averaged(capture.file.answers.n_words, groups),
        n_answers=np.array([group.size for group in groups], dtype=np.int64),
        n_longest=_longest(tokens, groups),
        limit=limit_of(tokens.tolist()),
        entropy=averaged(answer_means(entropies.top_k, edges), groups),
        entropy_low=averaged(answer_means(entropies.low, edges), groups),
        entropy_high=averaged(answer_means(entropies.high, edges), groups),
        stored_mass=averaged(answer_means(entropies.mass, edges), groups),
        boundaries=capture.rows.boundaries.rule,
        misaligned_entropy=None if wrong is None else averaged(wrong, groups),
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


def _unfiltered(capture: BaselineCapture, edges: IntArray, groups: Groups) -> Unfiltered | None:
    raw, full = capture.raw, capture.full
    if raw is None or full is None:
        return None
    inside = (full >= raw.low - _ROUNDING) & (full <= raw.high + _ROUNDING)
    counts = [int(part.sum()) for part in answers(inside.astype(np.float64), edges)]
    return Unfiltered(
        entropy=averaged(answer_means(raw.entropy, edges), groups),
        entropy_low=averaged(answer_means(raw.low, edges), groups),
        entropy_high=averaged(answer_means(raw.high, edges), groups),
        stored_mass=averaged(answer_means(raw.mass, edges), groups),
        entropy_full=averaged(answer_means(full, edges), groups),
        n_inside=summed(np.array(counts, dtype=np.int64), groups),
    )
