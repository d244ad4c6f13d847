"""What missing probability mass leaves open: sets in which means and differences lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.identified import (
    WHOLE,
    WORDS,
    Bounds,
    Pair,
    columns_of,
    differences,
    ends_of_mean,
    own_first,
    upper,
)
from report.ledger.ledger import Entry
from report.study.study import Model
from stats.identified import identified_sign, open_order
from stats.outcome import Estimate

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
        low = baseline.entropy_low[kept]
        high = upper(baseline.entropy, baseline.entropy_high)[kept]
        sources = tuple(question_source(data, model, column) for column in _BOUNDS)
        whole = f"entropy of the whole distribution of {model.name}"
        for end, estimate in ends_of_mean((low, high), data.plan.ci_level).items():
            yield model_entry(
                data,
                f"entropy-{end}",
                model,
                estimate,
                sources=own_first(end, estimate, sources[:1], sources[1:]),
                method=f"{WORDS[end]} bound, mean over questions",
                label=f"{WORDS[end]} bound of the {whole}",
            )
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
        ends = ends_of_mean(_differences(pair), data.plan.ci_level)
        sides = [[question_source(data, m, c) for c in _BOUNDS] for m in (first, second)]
        for end, estimate in ends.items():
            yield Entry(
                id=entry_id(SLUG, f"difference-{end}", first.key, second.key),
                experiment=SLUG,
                quantity=f"difference-{end}",
                evidence=data.evidence,
                cohort=first.cohort,
                model=f"{first.key} {second.key}",
                estimate=estimate,
                unit="nats",
                method=f"{WORDS[end]} bound of the difference, mean over questions",
                label=f"{WORDS[end]} bound of the difference in entropy of the whole "
                f"distribution, {first.name} minus {second.name}",
                sources=own_first(
                    end, estimate, (sides[0][0], sides[1][1]), (sides[0][1], sides[1][0])
                ),
            )


def nearest(pair: Subject) -> Pair | None:
    """Choose the columns to compare: entropies, or the bounds that lie nearest each other.

    Returns
    -------
    tuple of str or None
        None where the bounds leave the sign of the difference open.
    """
    if all(baseline.is_complete for baseline in pair.baselines):
        return WHOLE
    return columns_of(identified_sign(*_differences(pair)))


def matched(subject: Subject, columns: Sequence[str]) -> FloatArray:
    """Line up one column a model on the questions that all answered."""
    chosen = dict(zip((id(b) for b in subject.baselines), columns, strict=True))

    def values(baseline: Baseline) -> FloatArray:
        found: FloatArray = getattr(baseline, chosen[id(baseline)])
        return found

    return subject.matched(values)[1]


def _differences(pair: Subject) -> Bounds:
    """Return the bounds of the first model's entropy minus the second's, by question."""
    rows = pair.matched(_row_with_entropy)[1].astype(np.int64)
    first, second = (
        (b.entropy_low[r], upper(b.entropy, b.entropy_high)[r])
        for b, r in zip(pair.baselines, rows.T, strict=True)
    )
    return differences(first, second)


def _row_with_entropy(baseline: Baseline) -> FloatArray:
    return np.where(np.isfinite(baseline.entropy), np.arange(baseline.entropy.size), np.nan)
