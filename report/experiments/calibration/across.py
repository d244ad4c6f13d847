"""What holds over the models of a cohort: replication, and base against instruction-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from report.experiments.base import StudyData, entry_id
from report.experiments.calibration.contrasts import SLUG, Calibrated, pole_sources
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Model
from stats.outcome import Estimate, Reason


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
        tested = [e for e in entries if (e.quantity, e.axis) == ("delta", axis.key) and e.p]
        values = [e.value or 0.0 for e in tested]
        if len(tested) < 2:
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
        yield Entry(
            id=entry_id(SLUG, "replication", group.cohort.key, axis.key), quantity="replication",
            estimate=Estimate(float(np.mean(values)), len(values)),
            outcome=stouffer([e.p or 1.0 for e in tested], signs), family=family, unit="nats",
            method="mean of the models' estimates",
            label=f"entropy, {axis.positive} minus {axis.negative}, over {len(values)} models",
            sources=tuple(selector("", "ledger", c, **where) for c in ("estimate", "p")), **common,
        )  # fmt: skip
        agreement = sign_agreement(signs)
        yield Entry(
            id=entry_id(SLUG, "agreement", group.cohort.key, axis.key), quantity="agreement",
            estimate=Estimate(sum(s > 0 for s in signs) / len(signs), len(signs)),
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
    from stats.comparison import hodges_lehmann_paired, wilcoxon_signed_rank

    for base, tuned in tuning_pairs(group):
        for axis in data.study.axes:
            found = [group.contrasts.get((m.key, axis.key)) for m in (base, tuned)]
            by_question = [{} if one is None else one.entropy.differences for one in found]
            shared = [q for q in by_question[0] if q in by_question[1]]
            table = np.array([[differences[q] for q in shared] for differences in by_question])
            enough = len(shared) > 1
            yield Entry(
                id=entry_id(SLUG, "tuning", base.key, tuned.key, axis.key), experiment=SLUG,
                quantity="tuning", evidence=data.evidence, cohort=group.cohort.key,
                model=f"{base.key} {tuned.key}", axis=axis.key, family=family, unit="nats",
                estimate=hodges_lehmann_paired(table[0], table[1], data.plan.ci_level)
                if enough else Estimate.missing(Reason.TOO_FEW, len(shared)),
                outcome=wilcoxon_signed_rank(table[0], table[1]) if enough else None,
                method="Hodges–Lehmann, paired differences",
                label=f"Δ on {axis.name}, {base.name} minus {tuned.name}",
                sources=(*pole_sources(data, "entropy", base, axis),
                         *pole_sources(data, "entropy", tuned, axis)),
            )  # fmt: skip
