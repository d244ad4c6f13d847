"""The numbers of experiment 3c: dead zones across models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.behaviour.entries import RHO, SLUG, question_column
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Model
from stats.outcome import Estimate, Outcome, Reason

DEAD_SHARE = 0.5
"""An axis is dead where more than this share of the questions lies at a limit of the scale."""
LIMIT = 1.0  # projections are clipped to ±1


def published_zones(data: StudyData, family: str) -> Iterator[Entry]:
    """Relate the published counts of dead zones to entropy and effective dimension."""
    rows = data.published("dead_zones")
    for row in rows:
        model = data.study.model(row["model"])
        yield Entry(
            id=entry_id(SLUG, "zones", model.key, "published"), experiment=SLUG, quantity="zones",
            evidence="published", cohort=model.cohort, model=model.key, unit="count",
            estimate=Estimate(float(row["dead_zones"]), int(row["n_axes"])) if row["dead_zones"]
            else Estimate.missing(row.why("dead_zones"), int(row["n_axes"])),
            method="count, as published", label=f"dead zones of {model.name}",
            sources=(data.source("published/dead_zones", "dead_zones", model=model.key),),
        )  # fmt: skip
    cohort = data.study.model(rows[0]["model"]).cohort
    generation = {row["model"]: row for row in data.published("generation")}
    columns = (
        ("dead-zones", "published/dead_zones", "entropy_mean_nats",
         [(row["entropy_mean_nats"], row["dead_zones"]) for row in rows]),
        ("dead-zones-dimension", "published/generation", "effective_dimension",
         [(generation[row["model"]]["effective_dimension"], row["dead_zones"])
          for row in rows if row["model"] in generation]),
    )  # fmt: skip
    for quantity, table, column, pairs in columns:
        values = np.array([pair for pair in pairs if all(pair)], dtype=np.float64).reshape(-1, 2)
        yield _across(
            data, quantity, cohort, values[:, 0], values[:, 1], family,
            (data.source(table, column), data.source("published/dead_zones", "dead_zones")),
            "published",
        )  # fmt: skip


def _across(
    data: StudyData,
    quantity: str,
    cohort: str,
    x: FloatArray,
    dead: FloatArray,
    family: str,
    sources: tuple[str, ...],
    level: Literal["published", ""] = "",
) -> Entry:
    """Relate dead zones to another quantity across models."""
    from stats.correlation import bonett_wright, spearman

    what = "effective dimension" if quantity.endswith("dimension") else "mean entropy"
    rho = spearman(x, dead)
    estimate, outcome = rho, _test(data, cohort, x, dead)
    if rho.value is not None:
        around = bonett_wright(rho.value, rho.n, data.plan.ci_level)
        estimate = Estimate.within(rho.value, rho.n, around)
    return Entry(
        id=entry_id(SLUG, quantity, cohort, *((level,) if level else ())), experiment=SLUG,
        quantity=quantity, evidence=level or data.evidence, cohort=cohort, family=family,
        estimate=estimate, **(data.drawn if outcome.n_resamples else {}),
        outcome=outcome, unit="rho", method=RHO, sources=sources,
        label=f"{what} and number of dead zones across models",
    )  # fmt: skip


def _test(data: StudyData, cohort: str, x: FloatArray, y: FloatArray) -> Outcome:
    from stats.correlation import EXACT_MAX, spearman_exact
    from stats.resampling import permute_spearman

    if len(x) <= EXACT_MAX:
        return spearman_exact(x, y)
    permutations = data.draws.permutations(cohort, len(x))
    return permute_spearman(x[:, None], y[:, None], permutations).outcome(0, 0)


def is_dead(values: FloatArray) -> bool:
    """Tell whether an axis carries next to nothing in a model.

    Parameters
    ----------
    values : ndarray, shape (Q,)
        Finite projections, clipped to ±1.
    """
    from stats.checks import is_constant

    at_limit = np.abs(values) >= LIMIT
    return is_constant(values) or bool(at_limit.mean() > DEAD_SHARE)


def _why_unknown(data: StudyData, model: Model, baseline: Baseline) -> Reason:
    """Say why no axis of a model has two values: what was wrong with the first one."""
    if any(np.isfinite(values).any() for values in baseline.projections.values()):
        return Reason.TOO_FEW
    return data.features.why_missing(model.key, "projections", data.study.axes[0].key)


def zones(data: StudyData, subject: Subject, family: str) -> Iterator[Entry]:
    """Count each model's dead zones, and relate them to entropy and effective dimension."""
    from stats.dimension import participation_ratio

    described: list[tuple[float | None, float | None, float]] = []
    for model, baseline in subject.members():
        known = {
            axis: values[np.isfinite(values)]
            for axis, values in baseline.projections.items()
            if np.isfinite(values).sum() > 1
        }
        dead = sum(is_dead(values) for values in known.values())
        estimate = (
            Estimate(float(dead), len(known))
            if known
            else Estimate.missing(_why_unknown(data, model, baseline), 0)
        )
        yield Entry(
            id=entry_id(SLUG, "zones", model.key), experiment=SLUG, quantity="zones",
            evidence=data.evidence, cohort=model.cohort, model=model.key, unit="count",
            estimate=estimate, method="count of axes that are constant or saturated",
            label=f"dead zones of {model.name}",
            sources=tuple(question_column(data, model, axis) for axis in known),
        )  # fmt: skip
        if known:
            entropy = baseline.entropy[np.isfinite(baseline.entropy)]
            points = np.column_stack(list(baseline.projections.values()))
            complete = points[np.isfinite(points).all(axis=1)]
            effective = participation_ratio(complete).value if len(complete) else None
            whole = entropy.size > 1 and baseline.is_complete
            mean = float(entropy.mean()) if whole else None
            described.append((mean, effective, float(dead)))
    cohort = subject.cohort.key
    where = {"cohort": cohort, "evidence": data.evidence}
    dead_zones = selector("", "ledger", "estimate", experiment=SLUG, quantity="zones", **where)
    columns = (
        ("dead-zones", "generation", "mean", [(d[0], d[2]) for d in described]),
        ("dead-zones-dimension", "dimension", "effective", [(d[1], d[2]) for d in described]),
    )  # fmt: skip
    for quantity, experiment, of, pairs in columns:
        known = [pair for pair in pairs if pair[0] is not None]
        values = np.array(known, dtype=np.float64).reshape(-1, 2)
        source = selector("", "ledger", "estimate", experiment=experiment, quantity=of, **where)
        yield _across(
            data, quantity, cohort, values[:, 0], values[:, 1], family, (source, dead_zones)
        )
