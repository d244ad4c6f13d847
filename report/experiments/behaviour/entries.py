"""The numbers of experiment 3a: entropy and projection, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.identified import upper
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Axis, Cohort, Model
from stats.identified import open_order
from stats.outcome import Estimate, Outcome, Reason

SLUG = "behaviour"
RHO = "Spearman's rho"
PUBLISHED_RHO = "Spearman's rho, as published"


# --- published numbers ------------------------------------------------------------------


def models_with_projections(data: StudyData) -> tuple[Model, ...]:
    """Return the models that the study could test: those with an effective dimension."""
    tested = {row["model"] for row in data.published("generation") if row["effective_dimension"]}
    tested |= {row["model"] for row in data.published("behaviour")}
    return tuple(model for model in data.study.models if model.key in tested)


def published_axes(
    data: StudyData,
    experiment: str,
    quantity: str,
    family: str,
    sizes: Mapping[str, int] | None = None,
    remark: str = "",
) -> Iterator[Entry]:
    """Test the study's correlations, those that it printed and those that it did not.

    Parameters
    ----------
    data : StudyData
    experiment, quantity, family : str
        What the entries belong to.
    sizes : mapping, optional
        Number of questions by model key, where it is not the published one.
    remark : str
        Ends the label.
    """
    from stats.correlation import bonett_wright, spearman_t

    printed = {(row["model"], row["axis"]): row for row in data.published("behaviour")}
    constant = {(row["model"], row["axis"]) for row in data.published("constant_axes")}
    claimed = {row["model"]: int(row["n_questions"]) for row in data.published("generation")}
    for model in models_with_projections(data):
        for axis in data.study.axes:
            pair = (model.key, axis.key)
            row = printed.get(pair)
            n = int(row["n"]) if row else claimed.get(model.key, data.study.n_questions)
            n = n if sizes is None else sizes.get(model.key, n)
            sources: tuple[str, ...] = ()
            if row and row["rho"]:
                rho = float(row["rho"])
                estimate = Estimate.within(rho, n, bonett_wright(rho, n, data.plan.ci_level))
                outcome = spearman_t(rho, n)
                where = {"model": model.key, "axis": axis.key}
                sources = (data.source("published/behaviour", "rho", **where),)
            else:
                reason = Reason.CONSTANT_INPUT if pair in constant else Reason.NOT_PUBLISHED
                if row or data.study.transcribed.lacks("behaviour", *pair):
                    reason = Reason.DAMAGED_FILE
                estimate = Estimate.missing(reason, n)
                outcome = Outcome.missing("Spearman, t approximation", reason, n)
            yield Entry(
                id=entry_id(experiment, quantity, *pair, "published"), experiment=experiment,
                quantity=quantity, evidence="published", cohort=model.cohort, family=family,
                model=model.key, axis=axis.key, estimate=estimate, outcome=outcome, unit="rho",
                method=PUBLISHED_RHO, sources=sources,
                label=f"entropy and {axis.name} in {model.name}{remark}",
            )  # fmt: skip


# --- captures ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One model's questions with a generation entropy, and their projections.

    Parameters
    ----------
    model : Model
    entropy : ndarray, shape (n,)
    projections : ndarray, shape (n, axes)
        NaN where missing; columns in the study's order of axes.
    n_tokens : ndarray, shape (n,)
        Length of the answers.
    open_order : float
        Share of pairs of questions whose order missing probability mass leaves open.
    """

    model: Model
    entropy: FloatArray
    projections: FloatArray
    n_tokens: FloatArray
    open_order: float = 0.0

    @property
    def n(self) -> int:
        """Number of questions."""
        return self.entropy.size


def sample_of(data: StudyData, model: Model, baseline: Baseline) -> Sample:
    """Line up what experiment 3a needs of one model."""
    kept = np.isfinite(baseline.entropy)
    nothing = np.full(kept.size, np.nan)
    columns = [baseline.projections.get(axis.key, nothing)[kept] for axis in data.study.axes]
    high = upper(baseline.entropy, baseline.entropy_high)
    return Sample(
        model,
        baseline.entropy[kept],
        np.column_stack(columns),
        baseline.n_tokens[kept].astype(np.float64),
        0.0 if baseline.is_complete else open_order(baseline.entropy_low[kept], high[kept]),
    )


def is_open(data: StudyData, sample: Sample) -> bool:
    """Tell whether bounds leave so much of the order open that no correlation is identified."""
    return sample.open_order > data.plan.open_order


def why_missing(data: StudyData, sample: Sample, axis: int, reason: Reason) -> Reason:
    """Say why a pair can't be tested: what was wrong with its input, where that is known."""
    if not sample.n:
        return data.features.why_missing(sample.model.key, "baseline")
    if np.isnan(sample.projections[:, axis]).all():
        key = data.study.axes[axis].key
        return data.features.why_missing(sample.model.key, "projections", key)
    return reason


def tested(data: StudyData, samples: Sequence[Sample], family: str) -> Iterator[Entry]:
    """Correlate entropy and projection by question, and permute the questions."""
    from stats.correlation import bonett_wright, spearman_t
    from stats.resampling import bootstrap_spearman, family_maxt, permute_spearman

    usable = [s for s in samples if s.n and not is_open(data, s)]
    permuted = {
        s.model.key: permute_spearman(
            s.entropy[:, None], s.projections, data.draws.permutations(s.model.key, s.n)
        )
        for s in usable
    }
    maxt = dict(zip(permuted, family_maxt([*permuted.values()]), strict=True)) if usable else {}
    for sample in samples:
        key, level = sample.model.key, data.plan.ci_level
        boot = bootstrap_spearman(
            sample.entropy[:, None], sample.projections, data.draws.counts(key, sample.n),
            level=level,
        ) if sample.model.key in permuted else None  # fmt: skip
        for j, axis in enumerate(data.study.axes):
            if is_open(data, sample):
                reason = Reason.NOT_IDENTIFIED
                yield _untested(data, sample.model, axis, reason, sample.n, family)
                continue
            estimate = boot.estimate(0, j) if boot else Estimate.missing(Reason.TOO_FEW, 0)
            if estimate.value is None:
                reason = why_missing(data, sample, j, estimate.reason or Reason.TOO_FEW)
                yield _untested(data, sample.model, axis, reason, sample.n, family)
                continue
            n, rho = estimate.n, estimate.value
            yield _pair_entry(
                data, sample.model, axis, "axis", estimate, outcome=permuted[key].outcome(0, j),
                family=family, p_adjusted={"maxt": float(maxt[key][0, j])}, **data.drawn,
            )  # fmt: skip
            closed = Estimate.within(rho, n, bonett_wright(rho, n, level))
            yield _pair_entry(
                data, sample.model, axis, "axis-t", closed, outcome=spearman_t(rho, n)
            )


def question_column(data: StudyData, model: Model, name: str) -> str:
    """Name a column of a model's questions."""
    return data.source("features/questions", name, model=model.key)


def _pair_entry(
    data: StudyData, model: Model, axis: Axis, quantity: str, estimate: Estimate, **fields: Any
) -> Entry:
    given: dict[str, Any] = {
        "unit": "rho", "method": RHO,
        "sources": tuple(question_column(data, model, name) for name in ("entropy", axis.key)),
        "label": f"entropy and {axis.name} in {model.name}",
    }  # fmt: skip
    return Entry(
        id=entry_id(SLUG, quantity, model.key, axis.key), experiment=SLUG, quantity=quantity,
        evidence=data.evidence, cohort=model.cohort, model=model.key, axis=axis.key,
        estimate=estimate, **(given | fields),
    )  # fmt: skip


def _untested(
    data: StudyData, model: Model, axis: Axis, reason: Reason, n: int, family: str
) -> Entry:
    return _pair_entry(
        data, model, axis, "axis", Estimate.missing(reason, n), family=family,
        outcome=Outcome.missing("Spearman, permutation", reason, n),
    )  # fmt: skip


def _partial_entry(
    data: StudyData, model: Model, axis: Axis, estimate: Estimate, outcome: Outcome, family: str
) -> Entry:
    columns = ("entropy", axis.key, "n_tokens")
    return _pair_entry(
        data, model, axis, "partial", estimate, outcome=outcome, family=family,
        method="partial Spearman's rho",
        label=f"entropy and {axis.name} in {model.name}, given length",
        sources=tuple(question_column(data, model, name) for name in columns),
    )  # fmt: skip


def without_capture(
    data: StudyData, subject: Subject, family: str, given_length: str
) -> Iterator[Entry]:
    """List the pairs of models that should have a capture and have none, in both families."""
    for model in data.study.cohort_models(subject.cohort.key):
        if model in subject.models or not model.in_baseline:
            continue
        reason = data.features.why_missing(model.key, "baseline")
        for axis in data.study.axes:
            yield _untested(data, model, axis, reason, 0, family)
            yield _partial_entry(
                data, model, axis, Estimate.missing(reason, 0),
                Outcome.missing("Partial Spearman, t approximation", reason, 0), given_length,
            )  # fmt: skip


def robust(data: StudyData, samples: Sequence[Sample], family: str) -> Iterator[Entry]:
    """Hold the length of the answers fixed, and use Kendall's correlation instead."""
    from stats.correlation import kendall, partial_spearman

    for sample in samples:
        if (known := sample.n_tokens[sample.n_tokens > 0]).size:
            yield Entry(
                id=entry_id(SLUG, "lengths", sample.model.key), experiment=SLUG, quantity="lengths",
                evidence=data.evidence, cohort=sample.model.cohort, model=sample.model.key,
                estimate=Estimate(float(np.unique(known).size), known.size), unit="count",
                method="number of different lengths",
                label=f"different lengths of the answers of {sample.model.name}",
                sources=tuple(
                    question_column(data, sample.model, name) for name in ("n_tokens", "entropy")
                ),
            )  # fmt: skip
        for j, axis in enumerate(data.study.axes):
            x, y = sample.entropy, sample.projections[:, j]
            estimate, outcome = partial_spearman(x, y, sample.n_tokens, data.plan.ci_level)
            if is_open(data, sample):
                estimate = Estimate.missing(Reason.NOT_IDENTIFIED, sample.n)
                outcome = Outcome.missing(outcome.method, Reason.NOT_IDENTIFIED, sample.n)
            elif estimate.value is None:
                reason = why_missing(data, sample, j, estimate.reason or Reason.TOO_FEW)
                estimate = Estimate.missing(reason, sample.n)
                outcome = Outcome.missing(outcome.method, reason, sample.n)
            yield _partial_entry(data, sample.model, axis, estimate, outcome, family)
            tau = kendall(x, y)
            if tau.statistic is not None and not is_open(data, sample):
                yield _pair_entry(
                    data, sample.model, axis, "kendall", Estimate(tau.statistic, sample.n),
                    outcome=tau, method="Kendall's tau-b",
                    label=f"Kendall's tau of entropy and {axis.name} in {sample.model.name}",
                )  # fmt: skip


def pooled(data: StudyData, cohort: Cohort, pairs: Sequence[Entry], family: str) -> Iterator[Entry]:
    """Pool each axis over the models of a cohort in a random-effects model."""
    from stats.meta import pool_correlations

    for axis in data.study.axes:
        found = [
            e for e in pairs
            if e.quantity == "axis" and e.axis == axis.key and e.value is not None
            and abs(e.value) < 1.0 and e.estimate.n > 3
        ]  # fmt: skip
        result = pool_correlations(
            [e.value or 0.0 for e in found], [e.estimate.n for e in found],
            level=data.plan.ci_level,
        )  # fmt: skip
        shared: dict[str, Any] = {
            "experiment": SLUG, "evidence": data.evidence, "cohort": cohort.key, "axis": axis.key,
            "method": result.method,
            "sources": tuple(
                selector("", "ledger", column, experiment=SLUG, quantity="axis",
                         cohort=cohort.key, axis=axis.key, evidence=data.evidence)
                for column in ("estimate", "n")
            ),
        }  # fmt: skip

        def name(quantity: str, axis: Axis = axis) -> dict[str, str]:
            return {"id": entry_id(SLUG, quantity, cohort.key, axis.key), "quantity": quantity}

        yield Entry(
            **name("pooled"), estimate=result.r, outcome=result.outcome, family=family,
            unit="rho", label=f"entropy and {axis.name}, pooled over models", **shared,
        )  # fmt: skip
        if result.r.value is None or result.tau2 is None or result.i2 is None:
            continue
        yield Entry(
            **name("prediction"),
            estimate=Estimate.within(
                result.r.value, result.k, result.prediction or result.r.no_interval
            ),
            unit="rho", label=f"entropy and {axis.name}, what a new model may show", **shared,
        )  # fmt: skip
        yield Entry(
            **name("tau2"), estimate=Estimate(result.tau2, result.k), unit="",
            label=f"entropy and {axis.name}, variance between models", **shared,
        )  # fmt: skip
        yield Entry(
            **name("i2"), estimate=Estimate(result.i2 / 100.0, result.k), unit="share",
            label=f"entropy and {axis.name}, share of variance between models", **shared,
        )  # fmt: skip
