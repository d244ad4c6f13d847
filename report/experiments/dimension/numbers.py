"""The numbers of the n = 6 question: effective dimensions, and their one correlation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from report.experiments.base import Analysis, StudyData, Subject, subjects
from report.experiments.dimension.captured import propagated, trend
from report.experiments.dimension.correlation import correlated
from report.experiments.dimension.effective import (
    corrected_effective,
    measured_effective,
    published_effective,
)
from report.experiments.dimension.group import FEWEST, Group
from report.ledger.ledger import Entry


def analyse(data: StudyData) -> Analysis:
    """Estimate every model's effective dimension and relate it to the entropy."""
    entries: list[Entry] = []
    groups: list[Group] = []
    arrays: dict[str, Any] = {}
    entries += published_effective(data)
    groups += _published_groups(data)
    for subject in subjects(data):
        described = list(measured_effective(data, subject))
        corrected = list(corrected_effective(data, subject))
        entries += [*described, *corrected]
        if (group := _measured_group(data, subject, described, corrected)) is not None:
            groups.append(group)
            entries += propagated(group, subject)
            entries += trend(group, subject, described)
    for group in groups:
        entries += correlated(group)
        arrays[".".join((group.cohort.key, *group.tail))] = group
    return Analysis(entries, (), arrays)


# --- which models have both variables ---------------------------------------------------


def _published_groups(data: StudyData) -> Iterator[Group]:
    """Pair the published numbers of each cohort that has enough of both kinds."""
    for cohort in data.study.cohorts:
        rows = [
            row for row in data.published("generation")
            if row["effective_dimension"] and row["entropy_mean_nats"]
            and data.study.model(row["model"]).cohort == cohort.key
        ]  # fmt: skip
        if len(rows) < FEWEST:
            continue
        models = tuple(data.study.model(row["model"]) for row in rows)
        columns = [
            np.array([float(row[column]) for row in rows])
            for column in ("entropy_mean_nats", "effective_dimension")
        ]
        yield Group(data, cohort, "published", models, *columns)


def _measured_group(
    data: StudyData, subject: Subject, described: Sequence[Entry], corrected: Sequence[Entry]
) -> Group | None:
    """Pair mean entropy and effective dimension for the models that have both.

    Where probability mass is missing, the mean entropy is not identified.
    """
    effective = {entry.model: entry.value for entry in described}
    chosen = [
        (model, float(np.nanmean(baseline.entropy)), value)
        for model, baseline in subject.members()
        if (value := effective[model.key]) is not None
        and np.isfinite(baseline.entropy).sum() > 1
        and baseline.is_complete
    ]
    if len(chosen) < FEWEST:
        return None
    unbiased = {entry.model: entry.value for entry in corrected}
    known = [v for c in chosen if (v := unbiased[c[0].key]) is not None]
    return Group(
        data, subject.cohort, data.evidence, tuple(c[0] for c in chosen),
        np.array([c[1] for c in chosen]), np.array([c[2] for c in chosen]),
        np.array(known) if len(known) == len(chosen) else None,
    )  # fmt: skip
