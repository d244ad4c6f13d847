"""The numbers of the section on data integrity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from report.capture.features import POLES, Calibration, FloatArray
from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.behaviour.entries import (
    RHO,
    is_open,
    published_axes,
    question_column,
    sample_of,
    why_missing,
)
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Model
from stats.outcome import Estimate, Outcome, Reason

SLUG = "integrity"
_FACTS = (
    # quantity, column of integrity_models.csv, unit, method, what it is, what it is taken over
    ("tokens-json", "n_tokens_in_json", "tokens", "sum over answers", "tokens in the JSON",
     "claimed"),
    ("recovered-mean", "recovered_mean_nats", "nats", "digitised", "mean from the plot",
     "supported"),
    ("recovered-sd", "recovered_sd_nats", "nats", "digitised", "sd from the plot", "supported"),
    ("recovered-median", "recovered_median_nats", "nats", "digitised", "median from the plot",
     "supported"),
    ("answers", "answers", "count", "count", "calibration answers", "answers"),
    ("tokens-per-answer", "tokens_per_answer", "tokens", "mean over answers",
     "tokens of an answer", "answers"),
    ("tokens-per-prompt", "tokens_per_prompt", "tokens", "estimated", "tokens of a prompt",
     "answers"),
    ("answers-lost", "answers_without_rows", "count", "count", "answers without rows", "answers"),
)  # fmt: skip


def _entry(
    data: StudyData, quantity: str, model: Model, estimate: Estimate, *subject: str, **fields: Any
) -> Entry:
    published = ("published",) if fields.get("evidence") == "published" else ()
    given: dict[str, Any] = {"evidence": data.evidence, "label": f"{quantity} of {model.name}"}
    return Entry(
        id=entry_id(SLUG, quantity, model.key, *subject, *published), experiment=SLUG,
        quantity=quantity, cohort=model.cohort, model=model.key, estimate=estimate,
        **(given | fields),
    )  # fmt: skip


# --- published numbers ------------------------------------------------------------------


def recovered(data: StudyData) -> Iterator[Entry]:
    """Hand on what was read from the study's plot and files."""
    claimed = {row["model"]: int(row["n_questions"]) for row in data.published("generation")}
    for row in data.published("integrity_models"):
        model, n = data.study.model(row["model"]), int(row["n_questions_supported"])

        def source(column: str, model: Model = model) -> tuple[str, ...]:
            return (data.source("published/integrity_models", column, model=model.key),)

        yield _entry(
            data, "supported", model, Estimate(float(n), claimed.get(model.key, n)), unit="count",
            evidence="published", sources=source("n_questions_supported"),
            method="points in the study's plot" if row["basis"] == "figure" else "assumed",
            label=f"questions that the evidence supports for {model.name}",
        )  # fmt: skip
        sizes = {
            "claimed": claimed.get(model.key, n), "supported": n, "answers": row.get("answers") or n
        }  # fmt: skip
        for quantity, column, unit, method, what, over in _FACTS:
            if row.get(column) or column in row.damaged:
                size = int(sizes[over])
                yield _entry(
                    data, quantity, model, Estimate(float(row[column]), size) if row[column]
                    else Estimate.missing(row.why(column), size),
                    evidence="published", method=method, label=f"{what}, {model.name}", unit=unit,
                    sources=source(column),
                )  # fmt: skip
    supported = {r["model"]: r["n_questions_supported"] for r in data.published("integrity_models")}
    for row in data.published("integrity_axes"):
        model, axis = data.study.model(row["model"]), data.study.axis(row["axis"])
        yield _entry(
            data, "recovered-axis", model,
            Estimate(float(row["recovered_rho"]), int(supported.get(model.key, 0))), axis.key,
            axis=axis.key, evidence="published", unit="rho", method="digitised",
            label=f"entropy and {axis.name} from the plot, {model.name}",
            sources=(data.source("published/integrity_axes", "recovered_rho", model=model.key,
                                 axis=axis.key),),
        )  # fmt: skip


def evidence_axes(data: StudyData, family: str) -> Iterator[Entry]:
    """Repeat experiment 3a at the number of questions that the evidence supports."""
    sizes = {
        row["model"]: int(row["n_questions_supported"])
        for row in data.published("integrity_models")
    }
    return published_axes(
        data, SLUG, "axis-evidence-n", family, sizes, ", at the number of questions supported"
    )


# --- captures ---------------------------------------------------------------------------


def slicing(data: StudyData) -> Iterator[Entry]:
    """Compare the entropies of rightly and wrongly cut answers."""
    listed = {
        table: {row["model"] for row in data.published(table)}
        for table in ("generation", "calibration")
    }
    for key, baseline in data.features.baselines.items():
        wrong, model = baseline.misaligned_entropy, data.study.model(key)
        if wrong is None:
            continue
        yield from _against(data, model, baseline.entropy, wrong, "features/questions", "")
        if key in listed["generation"]:
            yield from _wrong_spread(data, model, wrong)
    for key, calibration in data.features.calibrations.items():
        wrong = calibration.misaligned_entropy
        if wrong is None:
            continue
        model = data.study.model(key)
        yield from _against(
            data, model, calibration.entropy, wrong, "features/calibration", "-calibration"
        )
        if key in listed["calibration"]:
            yield from _wrong_poles(data, model, calibration, wrong)
        axes = np.array(calibration.axis)
        names = dict.fromkeys(calibration.axis)
        lost = sum(bool(np.isnan(wrong[axes == name]).all()) for name in names)
        yield _entry(
            data, "axes-lost", model, Estimate(float(lost), len(names)), unit="count",
            method="count of axes without any value",
            label=f"axes lost by wrong rows, {model.name}",
            sources=(data.source("features/calibration", "misaligned_entropy", model=key),),
        )  # fmt: skip


def _against(
    data: StudyData, model: Model, right: FloatArray, wrong: FloatArray, table: str, suffix: str
) -> Iterator[Entry]:
    from stats.resampling import bootstrap_spearman

    what = "calibration answers" if suffix else "answers"
    sources = tuple(
        data.source(table, column, model=model.key) for column in ("entropy", "misaligned_entropy")
    )
    lost = int((np.isfinite(right) & np.isnan(wrong)).sum())
    yield _entry(
        data, "lost" + suffix, model, Estimate(float(lost), right.size), unit="count",
        method="count of answers without rows", sources=sources,
        label=f"{what} lost by wrong rows, {model.name}",
    )  # fmt: skip
    both = np.isfinite(right) & np.isfinite(wrong)
    n = int(both.sum())
    estimate, mean = Estimate.missing(Reason.TOO_FEW, n), Estimate.missing(Reason.TOO_FEW, n)
    if n >= 3:
        counts = data.draws.counts(model.key, n)
        estimate = bootstrap_spearman(
            right[both][:, None], wrong[both][:, None], counts, level=data.plan.ci_level
        ).estimate(0, 0)
        mean = Estimate(float(wrong[both].mean()), n)
    known = right[np.isfinite(right)]
    if suffix and known.size:
        yield _entry(
            data, "right-mean" + suffix, model, Estimate(float(known.mean()), known.size),
            unit="nats", method="mean over answers", sources=sources[:1],
            label=f"mean entropy of {what}, {model.name}",
        )  # fmt: skip
    yield _entry(
        data, "right-wrong" + suffix, model, estimate, unit="rho", method=RHO, sources=sources,
        **({} if estimate.value is None else data.drawn),
        label=f"entropy of rightly and wrongly cut {what}, {model.name}",
    )  # fmt: skip
    yield _entry(
        data, "wrong-mean" + suffix, model, mean, unit="nats", sources=sources[::-1],
        method="mean over answers that have wrong rows",
        label=f"mean entropy of wrongly cut {what}, {model.name}",
    )  # fmt: skip


def _wrong_spread(data: StudyData, model: Model, wrong: FloatArray) -> Iterator[Entry]:
    """Describe wrongly cut answers as a published sd and median would."""
    values = wrong[np.isfinite(wrong)]
    source = data.source("features/questions", "misaligned_entropy", model=model.key)
    for quantity, value in (
        ("sd", values.std(ddof=1) if values.size > 1 else None),
        ("median", np.median(values) if values.size else None),
    ):
        yield _entry(
            data, f"wrong-{quantity}", model,
            Estimate.missing(Reason.TOO_FEW, values.size) if value is None
            else Estimate(float(value), values.size),
            unit="nats", method=f"{quantity} over questions that have wrong rows",
            label=f"{quantity} entropy of wrongly cut answers, {model.name}", sources=(source,),
        )  # fmt: skip


def _wrong_poles(
    data: StudyData, model: Model, calibration: Calibration, wrong: FloatArray
) -> Iterator[Entry]:
    """Average wrongly cut answers as published pole means would."""
    axes, poles = np.array(calibration.axis), np.array(calibration.pole)
    for axis in data.study.axes:
        held = [wrong[(axes == axis.key) & (poles == pole)] for pole in POLES]
        known = [values[np.isfinite(values)] for values in held]
        if not all(values.size for values in known):
            continue
        means = [float(values.mean()) for values in known]
        for pole, mean, values in zip(POLES, means, known, strict=True):
            yield _entry(
                data, f"wrong-{pole}", model, Estimate(mean, values.size), axis.key,
                axis=axis.key, unit="nats", method="mean over answers that have wrong rows",
                label=f"mean entropy of wrongly cut answers, {pole} pole of {axis.name}, "
                f"{model.name}",
                sources=(data.source("features/calibration", "misaligned_entropy",
                                     model=model.key, axis=axis.key, pole=pole),),
            )  # fmt: skip
        yield _entry(
            data, "wrong-difference", model,
            Estimate(means[0] - means[1], sum(values.size for values in known)), axis.key,
            axis=axis.key, unit="nats", method="difference of pole means",
            label=f"difference of the means of wrongly cut answers, {axis.name}, {model.name}",
            sources=tuple(
                selector("", "ledger", "estimate",
                         id=entry_id(SLUG, f"wrong-{pole}", model.key, axis.key))
                for pole in POLES
            ),
        )  # fmt: skip


def wrong_axes(data: StudyData, subject: Subject, family: str) -> Iterator[Entry]:
    """Repeat experiment 3a with wrongly cut answers, to see what would have been found."""
    from stats.resampling import bootstrap_spearman, family_maxt, permute_spearman

    samples = [
        sample_of(data, model, replace(baseline, entropy=baseline.misaligned_entropy))
        for model, baseline in subject.members() if baseline.misaligned_entropy is not None
    ]  # fmt: skip
    # Where too much of the order is open, there is nothing to correlate with.
    samples = [
        replace(sample, projections=np.full_like(sample.projections, np.nan))
        if is_open(data, sample)
        else sample
        for sample in samples
        if sample.n
    ]
    permuted = [
        permute_spearman(
            s.entropy[:, None], s.projections, data.draws.permutations(s.model.key, s.n)
        )
        for s in samples
    ]
    maxt = family_maxt(permuted) if permuted else ()
    for sample, tests, adjusted in zip(samples, permuted, maxt, strict=True):
        model = sample.model
        boot = bootstrap_spearman(
            sample.entropy[:, None], sample.projections, data.draws.counts(model.key, sample.n),
            level=data.plan.ci_level,
        )  # fmt: skip
        for j, axis in enumerate(data.study.axes):
            estimate, outcome = boot.estimate(0, j), tests.outcome(0, j)
            known = outcome.p is not None
            if estimate.reason is not None:
                reason = Reason.NOT_IDENTIFIED
                if not is_open(data, sample):
                    reason = why_missing(data, sample, j, estimate.reason)
                estimate = Estimate.missing(reason, sample.n)
                outcome = Outcome.missing(outcome.method, reason, sample.n)
            yield _entry(
                data, "axis-wrong", model, estimate, axis.key, axis=axis.key,
                family=family, outcome=outcome, unit="rho", method=RHO,
                **(data.drawn if known else {}),
                p_adjusted={"maxt": float(adjusted[0, j])} if known else {},
                label=f"entropy of wrongly cut answers and {axis.name} in {model.name}",
                sources=tuple(
                    question_column(data, model, c) for c in ("misaligned_entropy", axis.key)
                ),
            )  # fmt: skip
