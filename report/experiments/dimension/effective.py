"""Each model's effective dimension: the participation ratio of its projections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from report.capture.features import FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.dimension.group import SLUG
from report.ledger.ledger import Entry
from report.study.study import Model
from stats.outcome import Estimate, Reason


def published_effective(data: StudyData) -> Iterator[Entry]:
    """Hand on what was published."""
    for row in data.published("generation"):
        model, n = data.study.model(row["model"]), int(row["n_questions"])
        text = row["effective_dimension"]
        estimate = (
            Estimate(float(text), n)
            if text
            else Estimate.missing(row.why("effective_dimension"), n)
        )
        yield Entry(
            id=entry_id(SLUG, "effective", model.key, "published"), experiment=SLUG,
            quantity="effective", evidence="published", cohort=model.cohort, model=model.key,
            estimate=estimate, unit="dimension", method="participation ratio, as published",
            label=f"effective dimension of {model.name}",
            sources=(data.source("published/generation", "effective_dimension", model=model.key),),
        )  # fmt: skip


def measured_effective(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Compute it from the projections, for all models that should have a baseline."""
    from stats.dimension import (
        jackknife_participation_ratio,
        participation_ratio,
        resampled_participation_ratio,
    )
    from stats.resampling import bootstrap_interval

    axes = [axis.key for axis in data.study.axes]
    for model in subject.expected:
        points = _points(data, model, axes)
        estimate = (
            participation_ratio(points)
            if len(points)
            else Estimate.missing(_why_no_points(data, model, axes), 0)
        )
        if estimate.value is not None:
            counts = data.draws.counts(model.key, len(points))
            interval = bootstrap_interval(
                estimate.value, resampled_participation_ratio(points, counts),
                jackknife_participation_ratio(points), level=data.plan.ci_level,
            )  # fmt: skip
            estimate = Estimate.within(estimate.value, estimate.n, interval)
        yield Entry(
            id=entry_id(SLUG, "effective", model.key), experiment=SLUG, quantity="effective",
            evidence=data.evidence, cohort=model.cohort, model=model.key, estimate=estimate,
            unit="dimension", method="participation ratio of the covariance of the projections",
            **({} if estimate.value is None else data.drawn),
            label=f"effective dimension of {model.name}",
            sources=tuple(
                data.source("features/questions", axis, model=model.key) for axis in axes
            ),
        )  # fmt: skip


def corrected_effective(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Estimate the dimension over all possible questions, beside that of the sample."""
    from stats.dimension import corrected_participation_ratio

    axes = [axis.key for axis in data.study.axes]
    for model in subject.expected:
        points = _points(data, model, axes)
        yield Entry(
            id=entry_id(SLUG, "corrected", model.key),
            experiment=SLUG,
            quantity="corrected",
            evidence=data.evidence,
            cohort=model.cohort,
            model=model.key,
            estimate=corrected_participation_ratio(points, data.plan.ci_level)
            if len(points)
            else Estimate.missing(_why_no_points(data, model, axes), 0),
            unit="dimension",
            method="corrected participation ratio, estimator over rows",
            label=f"corrected effective dimension of {model.name}",
            sources=tuple(
                data.source("features/questions", axis, model=model.key) for axis in axes
            ),
        )


def _points(data: StudyData, model: Model, axes: Sequence[str]) -> FloatArray:
    """Return the projections of the questions that have all of them, shape (Q, axes)."""
    baseline = data.features.baselines.get(model.key)
    if baseline is None:
        return np.empty((0, len(axes)))
    points = np.column_stack([baseline.projections[axis] for axis in axes])
    return points[np.isfinite(points).all(axis=1)]


def _why_no_points(data: StudyData, model: Model, axes: Sequence[str]) -> Reason:
    baseline = data.features.baselines.get(model.key)
    lacking = (
        axis for axis in axes
        if baseline is not None and not np.isfinite(baseline.projections[axis]).any()
    )  # fmt: skip
    return data.features.why_missing(model.key, "projections", next(lacking, ""))
