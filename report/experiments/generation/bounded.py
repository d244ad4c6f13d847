"""What missing probability mass leaves open: sets in which means and differences lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.ledger.ledger import Entry
from report.study.study import Model
from stats.identified import imbens_manski, open_order
from stats.outcome import Estimate, Interval, Reason

SLUG = "generation"
_BOUNDS = ("entropy_low", "entropy_high")


def model_entry(
    data: StudyData, quantity: str, model: Model, estimate: Estimate, **fields: Any
) -> Entry:
    """Make an entry about one model."""
    published = fields.get("evidence") == "published"
    parts = (SLUG, quantity, model.key, *(("published",) if published else ()))
    given: dict[str, Any] = {
        "evidence": data.evidence, "unit": "nats", "label": f"{quantity} of {model.name}"
    }  # fmt: skip
    return Entry(
        id=entry_id(*parts), experiment=SLUG, quantity=quantity, cohort=model.cohort,
        model=model.key, estimate=estimate, **(given | fields),
    )  # fmt: skip


def question_source(data: StudyData, model: Model, column: str) -> str:
    """Name a column of the questions."""
    return data.source("features/questions", column, model=model.key)


def bounds(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Bound the mean entropy of the whole distribution where probability mass is missing."""
    for model, baseline in subject.members():
        if baseline.is_complete or np.isfinite(baseline.entropy).sum() < 2:
            continue
        kept = np.isfinite(baseline.entropy)
        low, high = baseline.entropy_low[kept], _upper(baseline)[kept]
        sources = tuple(question_source(data, model, column) for column in _BOUNDS)
        whole = f"entropy of the whole distribution of {model.name}"
        for name, estimate in zip(("low", "high"), _ends(data, low, high), strict=True):
            yield model_entry(
                data, f"entropy-{name}", model, estimate,
                sources=_own_first(name, estimate, sources[:1], sources[1:]),
                method=f"{_WORDS[name]} bound, mean over questions",
                label=f"{_WORDS[name]} bound of the {whole}",
            )  # fmt: skip
        yield model_entry(
            data, "order-open", model, Estimate(open_order(low, high), low.size), unit="share",
            method="share of pairs of questions whose order is open", sources=sources,
            label=f"pairs of questions whose order the bounds leave open, {model.name}",
        )  # fmt: skip


def bounded_pairs(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Bound the difference of two models of which one at least leaves out mass."""
    known = subject.with_entropy
    for first, second in combinations(known.models, 2):
        pair = known.only((first, second))
        if all(baseline.is_complete for baseline in pair.baselines):
            continue
        low, high = _differences(pair)
        for name, estimate in zip(("low", "high"), _ends(data, low, high), strict=True):
            yield Entry(
                id=entry_id(SLUG, f"difference-{name}", first.key, second.key), experiment=SLUG,
                quantity=f"difference-{name}", evidence=data.evidence, cohort=first.cohort,
                model=f"{first.key} {second.key}", estimate=estimate, unit="nats",
                method=f"{_WORDS[name]} bound of the difference, mean over questions",
                label=f"{_WORDS[name]} bound of the difference in entropy of the whole "
                f"distribution, {first.name} minus {second.name}",
                sources=_own_first(
                    name, estimate,
                    (question_source(data, first, "entropy_low"),
                     question_source(data, second, "entropy_high")),
                    (question_source(data, first, "entropy_high"),
                     question_source(data, second, "entropy_low")),
                ),
            )  # fmt: skip


def _own_first(
    name: str, estimate: Estimate, low: tuple[str, ...], high: tuple[str, ...]
) -> tuple[str, ...]:
    """Name what an end comes from, and then what its interval needs of the other end."""
    own, other = (low, high) if name == "low" else (high, low)
    return own + (other if estimate.interval else ())


_WORDS = {"low": "lower", "high": "upper"}


def nearest(pair: Subject) -> tuple[str, str] | None:
    """Choose the columns to compare: entropies, or the bounds that lie nearest each other.

    Returns
    -------
    tuple of str or None
        None where the bounds leave the sign of the mean difference open.
    """
    if all(baseline.is_complete for baseline in pair.baselines):
        return "entropy", "entropy"
    low, high = _differences(pair)
    if low.size and low.mean() > 0.0:
        return "entropy_low", "entropy_high"
    if low.size and high.mean() < 0.0:
        return "entropy_high", "entropy_low"
    return None


def matched(subject: Subject, columns: Sequence[str]) -> FloatArray:
    """Line up one column a model on the questions that all answered."""
    chosen = dict(zip((id(b) for b in subject.baselines), columns, strict=True))

    def values(baseline: Baseline) -> FloatArray:
        found: FloatArray = getattr(baseline, chosen[id(baseline)])
        return found

    return subject.matched(values)[1]


def _upper(baseline: Baseline) -> FloatArray:
    """Return the upper bounds; where there is an entropy, an unknown one is infinite."""
    unknown = np.isfinite(baseline.entropy) & np.isnan(baseline.entropy_high)
    return np.where(unknown, np.inf, baseline.entropy_high)


def _differences(pair: Subject) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of the first model's entropy minus the second's, by question."""
    rows = pair.matched(_row_with_entropy)[1].astype(np.int64)
    sides = [(b.entropy_low[r], _upper(b)[r]) for b, r in zip(pair.baselines, rows.T, strict=True)]
    (first_low, first_high), (second_low, second_high) = sides
    return first_low - second_high, first_high - second_low


def _row_with_entropy(baseline: Baseline) -> FloatArray:
    return np.where(np.isfinite(baseline.entropy), np.arange(baseline.entropy.size), np.nan)


def _ends(data: StudyData, low: FloatArray, high: FloatArray) -> tuple[Estimate, Estimate]:
    """Return the ends of the identified set, each with the interval of the whole set."""
    interval: Interval | Reason = imbens_manski(low, high, data.plan.ci_level)

    def end(values: FloatArray) -> Estimate:
        if not values.size:
            return Estimate.missing(Reason.TOO_FEW, 0)
        if not np.isfinite(values).all():
            return Estimate.missing(Reason.UNKNOWN_VOCABULARY, values.size)
        return Estimate.within(float(values.mean()), values.size, interval)

    return end(low), end(high)
