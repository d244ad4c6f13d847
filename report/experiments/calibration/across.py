"""What holds over the models of a cohort: replication, and base against instruction-tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from report.capture.features import FloatArray
from report.experiments.base import StudyData, entry_id
from report.experiments.calibration.contrasts import (
    SLUG,
    SMALLEST,
    Calibrated,
    Contrast,
    pole_sources,
)
from report.experiments.identified import HIGHEST, LOWEST, WHOLE, WORDS, End, Pair, ends_of_mean
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Axis, Model
from stats.identified import identified_sign
from stats.outcome import Estimate, Outcome, Reason

_OPEN = Reason.NOT_IDENTIFIED


def replication_entries(
    data: StudyData, group: Calibrated, entries: list[Entry], family: str
) -> Iterator[Entry]:
    """Combine the models of a cohort, axis by axis, where at least two were tested.

    Conditions of one model are not independent replications and are left alone.
    """
    from stats.comparison import sign_agreement, stouffer

    if group.cohort.unit != "model":
        return
    for axis in data.study.axes:
        deltas = [e for e in entries if (e.quantity, e.axis) == ("delta", axis.key)]
        tested = [e for e in deltas if e.p]
        unknown = [e for e in deltas if e.reason is Reason.NOT_IDENTIFIED]
        values = [e.value or 0.0 for e in tested]
        if len(tested) + len(unknown) < 2:
            continue
        signs = [int(np.sign(v)) for v in values]
        common: dict[str, Any] = {
            "experiment": SLUG, "evidence": data.evidence, "cohort": group.cohort.key,
            "axis": axis.key,
        }  # fmt: skip
        where = {
            "experiment": SLUG, "quantity": "delta", "evidence": data.evidence,
            "cohort": group.cohort.key, "axis": axis.key,
        }  # fmt: skip
        n = len(values) + len(unknown)
        combined = stouffer([e.p or 1.0 for e in tested], signs)
        mean = Estimate(float(np.mean(values)), n) if values else Estimate.missing(_OPEN, n)
        # Differences that are the smallest their bounds allow weigh too little: where others
        # point the other way, not even the sign of the whole is known.
        bounded = any(not group.contrasts[str(e.model), axis.key].complete for e in tested)
        if unknown or (bounded and len({s for s in signs if s}) > 1):
            mean = Estimate.missing(_OPEN, n)
            combined = Outcome.missing(combined.method, _OPEN, n)
        yield Entry(
            id=entry_id(SLUG, "replication", group.cohort.key, axis.key), quantity="replication",
            estimate=mean, outcome=combined, family=family, unit="nats",
            method="mean of the models' estimates",
            label=f"entropy, {axis.positive} minus {axis.negative}, over {n} models"
            + (SMALLEST if bounded else ""),
            sources=tuple(selector("", "ledger", c, **where) for c in ("estimate", "p")), **common,
        )  # fmt: skip
        agreement = sign_agreement(signs)
        share = Estimate(sum(s > 0 for s in signs) / n, n) if values else mean
        if unknown:
            share = Estimate.missing(_OPEN, n)
            agreement = Outcome.missing(agreement.method, _OPEN, n)
        yield Entry(
            id=entry_id(SLUG, "agreement", group.cohort.key, axis.key), quantity="agreement",
            estimate=share,
            outcome=agreement, unit="share", method="share of models with a positive estimate",
            label=f"models with higher entropy under “{axis.positive}”",
            sources=(selector("", "ledger", "estimate", **where),), **common,
        )  # fmt: skip


def tuning_pairs(group: Calibrated) -> list[tuple[Model, Model]]:
    """Return (base, instruct) pairs of one model family that were both calibrated."""
    held = {key for key, _ in group.contrasts}
    chosen = [m for m in group.models if m.key in held]
    return [
        (base, tuned)
        for base in chosen if base.tuning == "base"
        for tuned in chosen if tuned.tuning == "instruct" and base.family == tuned.family != ""
    ]  # fmt: skip


def tuning_entries(data: StudyData, group: Calibrated, family: str) -> Iterator[Entry]:
    """Compare the pole contrasts of a base model with those of its instruct sibling."""
    for base, tuned in tuning_pairs(group):
        for axis in data.study.axes:
            found = [group.contrasts.get((m.key, axis.key)) for m in (base, tuned)]
            yield from _tuning(data, (base, tuned), axis, found, family)


_ENDS: dict[End, tuple[Pair, Pair]] = {"low": (LOWEST, HIGHEST), "high": (HIGHEST, LOWEST)}
"""What bounds the difference of two differences, by end: of the first, and of the second."""


def _tuning(
    data: StudyData,
    pair: tuple[Model, Model],
    axis: Axis,
    found: Sequence[Contrast | None],
    family: str,
) -> Iterator[Entry]:
    """Compare the differences by question, or the bounds of them that lie nearest each other."""
    from stats.comparison import hodges_lehmann_paired, wilcoxon_signed_rank

    complete = all(one is None or one.complete for one in found)
    bounds = {end: _lined_up(found, columns) for end, columns in _ENDS.items()}
    low, high = (x - y for x, y in bounds.values())
    sign = 0 if complete else identified_sign(low, high)
    chosen = _ENDS["low"] if sign > 0 else _ENDS["high"] if sign < 0 else (WHOLE, WHOLE)
    x, y = _lined_up(found, chosen)
    names = f"{pair[0].name} minus {pair[1].name}"

    def entry(quantity: str, columns: Sequence[tuple[Pair, Pair]], **fields: Any) -> Entry:
        return Entry(
            id=entry_id(SLUG, quantity, pair[0].key, pair[1].key, axis.key),
            experiment=SLUG,
            quantity=quantity,
            evidence=data.evidence,
            cohort=pair[0].cohort,
            model=f"{pair[0].key} {pair[1].key}",
            axis=axis.key,
            unit="nats",
            sources=tuple(
                pole_sources(data, column, model, axis)[place]
                for of in columns
                for model, names in zip(pair, of, strict=True)
                for place, column in enumerate(names)
            ),
            **fields,
        )

    estimate = hodges_lehmann_paired(x, y, data.plan.ci_level)
    outcome: Outcome | None = wilcoxon_signed_rank(x, y)
    if x.size < 2:
        estimate, outcome = Estimate.missing(Reason.TOO_FEW, x.size), None
    elif not complete and not sign:
        outcome = Outcome.missing(outcome.method, _OPEN, x.size)
        estimate = Estimate.missing(_OPEN, x.size)
    yield entry(
        "tuning",
        (chosen,),
        family=family,
        estimate=estimate,
        outcome=outcome,
        method="Hodges–Lehmann, paired differences",
        label=f"Δ on {axis.name}, {names}" + (SMALLEST if sign else ""),
    )
    if complete or x.size < 2:
        return
    for end, of_end in ends_of_mean((low, high), data.plan.ci_level).items():
        both = (_ENDS[end], _ENDS["high" if end == "low" else "low"])
        yield entry(
            f"tuning-{end}",
            both if of_end.interval else both[:1],
            estimate=of_end,
            method=f"{WORDS[end]} bound of the difference of contrasts, mean over questions",
            label=f"{WORDS[end]} bound of the difference of contrasts on {axis.name}, {names}",
        )


def _lined_up(found: Sequence[Contrast | None], columns: tuple[Pair, Pair]) -> FloatArray:
    """Return differences between the poles of two models on their common questions, (2, n)."""
    by_question = [
        {} if one is None else one.differences(of) for one, of in zip(found, columns, strict=True)
    ]
    shared = [q for q in by_question[0] if q in by_question[1]]
    return np.array([[of[q] for q in shared] for of in by_question]).reshape(2, len(shared))
