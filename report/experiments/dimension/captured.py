"""What only captures allow: the uncertainty of the points, and the course over an intervention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject
from report.experiments.dimension.correlation import related
from report.experiments.dimension.group import FEWEST, Group
from report.ledger.ledger import Entry
from stats.outcome import Estimate, Interval, Reason

_DECIMALS = 10  # nats and dimensions, both of order 1


def propagated(group: Group, subject: Subject) -> Iterator[Entry]:
    """Resample questions within models, so that the points themselves become uncertain."""
    from stats.correlation import spearman
    from stats.rankmatrix import spearman_rows

    chosen = subject.only(group.models)
    entropy, effective = _nested(group.data, chosen)
    if entropy is None or effective is None:
        return
    replicates = spearman_rows(entropy, effective)
    known = replicates[np.isfinite(replicates)]
    rho = spearman(group.entropy, group.effective)
    if rho.value is None or not known.size:
        return
    tail = (1 - group.data.plan.ci_level) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    interval = Interval(
        float(low), float(high), group.data.plan.ci_level, "nested bootstrap, percentile",
        len(replicates), 1 - known.size / len(replicates),
    )  # fmt: skip
    yield group.entry(
        "propagated", Estimate(rho.value, rho.n, interval), **group.data.drawn,
        method="Spearman's rho, questions resampled within models",
        label="the same correlation with the uncertainty of its points",
    )  # fmt: skip


def _nested(data: StudyData, subject: Subject) -> tuple[FloatArray | None, FloatArray | None]:
    """Return replicates (B, models) of both variables under one resampling of the questions.

    Of the questions that all models answered, those with entropy and projections in each.
    """
    from stats.dimension import resampled_participation_ratio
    from stats.draws import over_blocks

    questions, table = subject.matched(
        lambda b: np.where(np.isfinite(_points(b)).all(axis=1), b.entropy, np.nan)
    )
    if len(questions) < 3:
        return None, None
    counts = data.draws.counts(subject.cohort.key, len(questions))
    effective: list[FloatArray] = []
    for baseline in subject.baselines:
        rows = [baseline.questions.index(q) for q in questions]
        effective.append(resampled_participation_ratio(_points(baseline)[rows], counts))
    # A resample of two different questions has one dimension in every model: a tie, which
    # rounding errors would break.
    return (
        over_blocks(counts, lambda block: block @ table / len(questions)).round(_DECIMALS),
        np.column_stack(effective).round(_DECIMALS),
    )


def _points(baseline: Baseline) -> FloatArray:
    return np.column_stack(list(baseline.projections.values()))


def trend(group: Group, subject: Subject, described: Sequence[Entry]) -> Iterator[Entry]:
    """Follow an intervention: entropy by question, and effective dimension, over its levels."""
    from stats.comparison import page_trend

    if not group.cohort.intervention:
        return
    levels = {m.key: m.level for m in subject.expected if m.level is not None}
    ordered = sorted((m for m in group.models if m.key in levels), key=lambda m: levels[m.key])
    if len(ordered) >= FEWEST:
        _, table = subject.only(ordered).matched(lambda b: b.entropy)
        yield group.entry(
            "entropy-trend", _last_to_first(table), outcome=page_trend(table), unit="ratio",
            method="ratio of mean entropies, last level to first",
            label=f"entropy over the levels of {group.cohort.intervention}",
            sources=tuple(
                group.data.source("features/questions", "entropy", model=m.key) for m in ordered
            ),
        )  # fmt: skip
    pairs = np.array([
        (levels[str(e.model)], e.value)
        for e in described if e.value is not None and e.model in levels
    ]).reshape(-1, 2)  # fmt: skip
    if len(pairs) >= FEWEST:
        yield related(
            group, "level", pairs[:, 0], pairs[:, 1],
            label=f"Spearman correlation of {group.cohort.intervention} and effective dimension",
            sources=(group.data.source("study", "level", cohort=group.cohort.key),
                     group.sources()[1]),
        )  # fmt: skip


def _last_to_first(table: FloatArray) -> Estimate:
    """Divide the mean of the last column by that of the first, over the same questions."""
    if not len(table):
        return Estimate.missing(Reason.TOO_FEW, 0)
    first, last = (float(table[:, column].mean()) for column in (0, -1))
    if first == 0.0:
        return Estimate.missing(Reason.CONSTANT_INPUT, len(table))
    return Estimate(last / first, len(table))
