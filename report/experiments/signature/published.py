"""Experiment 5 from the study's tables: its peaks, with a bound for the search over layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from report.experiments.base import StudyData, entry_id
from report.experiments.signature.measured import SLUG
from report.ledger.ledger import Entry
from report.study.study import Axis, Model
from stats.outcome import Estimate, Outcome, Reason

_BOUND = "Spearman, t, Bonferroni over layers, upper bound"


def published(data: StudyData, family: str) -> Iterator[Entry]:
    """Take every published peak twice: on its own, and with a bound for the search over layers."""
    n_layers = {row["model"]: int(row["n_layers"]) for row in data.published("layers")}
    questions = {row["model"]: int(row["n_questions"]) for row in data.published("generation")}
    rows = {(row["model"], row["axis"]): row for row in data.published("peaks")}
    for key in dict.fromkeys(model for model, _ in rows):
        for axis in data.study.axes:
            row = rows.get((key, axis.key))
            n = questions.get(key, data.study.n_questions)
            yield from _published_peak(data, data.study.model(key), axis, row, n,
                                       n_layers.get(key), family)  # fmt: skip


def _published_peak(
    data: StudyData, model: Model, axis: Axis, row: Mapping[str, str] | None, n: int,
    n_layers: int | None, family: str,
) -> Iterator[Entry]:  # fmt: skip
    from stats.correlation import spearman_t

    peak = (data.source("published/peaks", "rho", model=model.key, axis=axis.key),)
    searched = peak if not n_layers else (
        *peak, data.source("published/layers", "n_layers", model=model.key)
    )  # fmt: skip
    what = f"peak correlation of layer entropy with {axis.name} in {model.name}"
    # The largest of many correlations is exactly zero only where none of them is defined.
    rho = float(row["rho"] or 0.0) if row else 0.0
    if rho == 0.0 or n == 0:
        reason = Reason.CONSTANT_INPUT if row else Reason.NOT_PUBLISHED
        lost = data.study.transcribed.lacks("peaks", model.key, axis.key)
        if n == 0 or (row and not row["rho"]) or (row is None and lost):
            reason = Reason.DAMAGED_FILE
        for quantity, label, method, of_family in (
            ("peak-unsearched", f"{what}, as if no search had been made", "Spearman, t", ""),
            ("peak", what, _BOUND, family),
        ):
            yield _entry(
                quantity, model, axis, Estimate.missing(reason, n), label=label,
                outcome=Outcome.missing(method, reason, n), family=of_family, sources=peak,
            )  # fmt: skip
        return
    layer = int(row["layer"]) if row else None
    damaged = data.study.transcribed.lacks("layers", model.key) or n_layers == 0
    alone = spearman_t(rho, n)
    yield _entry(
        "peak-unsearched", model, axis,
        Estimate(rho, n), outcome=alone, layer=layer,
        label=f"{what}, as if no search had been made", sources=peak,
    )  # fmt: skip
    yield _entry(
        "peak", model, axis, Estimate(rho, n), outcome=_bonferroni(alone, n_layers, damaged),
        layer=layer, label=what, family=family, sources=searched,
    )  # fmt: skip


def _bonferroni(alone: Outcome, n_layers: int | None, damaged: bool) -> Outcome:
    """Bound the p of a peak: no more than the number of layers times the p of one layer."""
    if not n_layers or alone.p is None:
        reason = Reason.DAMAGED_FILE if damaged else Reason.NOT_PUBLISHED
        return Outcome.missing(_BOUND, alone.reason or reason, alone.n)
    floor = None if alone.p_floor is None else min(1.0, n_layers * alone.p_floor)
    return Outcome(_BOUND, alone.n, alone.statistic, min(1.0, n_layers * alone.p), floor)


def _entry(quantity: str, model: Model, axis: Axis, estimate: Estimate, **fields: Any) -> Entry:
    return Entry(
        id=entry_id(SLUG, quantity, model.key, axis.key, "published"), experiment=SLUG,
        quantity=quantity, evidence="published", cohort=model.cohort, model=model.key,
        axis=axis.key, estimate=estimate, unit="rho", method="Spearman, as published", **fields,
    )  # fmt: skip
