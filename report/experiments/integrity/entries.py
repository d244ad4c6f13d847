"""The numbers of the section on data integrity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from report.experiments.base import StudyData, Subject, entry_id
from report.experiments.behaviour.entries import RHO, published_axes, question_column
from report.features import FloatArray
from report.ledger import Entry
from report.lineage import selector
from report.study import Model
from stats.outcome import Estimate, Outcome, Reason

SLUG = "integrity"
_FACTS = (
    # quantity, column of integrity_models.csv, unit, method, what it is
    ("tokens-json", "n_tokens_in_json", "tokens", "sum over answers", "tokens in the JSON"),
    ("recovered-mean", "recovered_mean_nats", "nats", "digitised", "mean from the plot"),
    ("recovered-sd", "recovered_sd_nats", "nats", "digitised", "sd from the plot"),
    ("recovered-median", "recovered_median_nats", "nats", "digitised", "median from the plot"),
    ("answers", "answers", "count", "count", "calibration answers"),
    ("tokens-per-answer", "tokens_per_answer", "tokens", "mean over answers",
     "tokens of an answer"),
    ("tokens-per-prompt", "tokens_per_prompt", "tokens", "estimated", "tokens of a prompt"),
    ("answers-lost", "answers_without_rows", "count", "count", "answers without rows"),
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
        for quantity, column, unit, method, what in _FACTS:
            if row[column]:
                yield _entry(
                    data, quantity, model, Estimate(float(row[column]), n), unit=unit,
                    evidence="published", method=method, label=f"{what}, {model.name}",
                    sources=source(column),
                )  # fmt: skip
    supported = {r["model"]: r["n_questions_supported"] for r in data.published("integrity_models")}
    for row in data.published("integrity_axes"):
        model, axis = data.study.model(row["model"]), data.study.axis(row["axis"])
        yield _entry(
            data, "recovered-axis", model,
            Estimate(float(row["recovered_rho"]), int(supported[model.key])), axis.key,
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


def differences(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Subtract published from recomputed values where a model has both."""
    from stats.dimension import participation_ratio

    rows = {row["model"]: row for row in data.published("generation")}
    for model, baseline in subject.members():
        values = baseline.entropy[np.isfinite(baseline.entropy)]
        if model.key not in rows or values.size < 2:
            continue
        row = rows[model.key]
        axes = [a.key for a in data.study.axes if a.key in baseline.projections]
        points = np.column_stack([baseline.projections[a] for a in axes] or [[]])
        effective = participation_ratio(points[np.isfinite(points).all(axis=1)]) if axes else None
        recomputed: list[tuple[str, str, str, float | None]] = [
            ("mean", "entropy_mean_nats", "nats", float(values.mean())),
            ("sd", "entropy_sd_nats", "nats", float(values.std(ddof=1))),
            ("median", "entropy_median_nats", "nats", float(np.median(values))),
            ("tokens", "n_tokens", "tokens", float(baseline.n_tokens.sum())),
            ("effective", "effective_dimension", "dimension", effective and effective.value),
        ]
        for quantity, column, unit, value in recomputed:
            if value is None or not row[column]:
                continue
            yield _entry(
                data, "difference", model, Estimate(value - float(row[column]), values.size),
                quantity, unit=unit, method="recomputed minus published",
                label=f"{quantity} of {model.name}, recomputed minus published",
                sources=(
                    selector(
                        "", "ledger", "estimate", model=model.key, quantity=quantity,
                        evidence=data.evidence,
                        experiment="dimension" if quantity == "effective" else "generation",
                    ),
                    data.source("published/generation", column, model=model.key),
                ),
            )  # fmt: skip


# --- captures ---------------------------------------------------------------------------


def slicing(data: StudyData) -> Iterator[Entry]:
    """Compare the entropies of rightly and wrongly cut answers."""
    for key, baseline in data.features.baselines.items():
        if baseline.misaligned_entropy is not None:
            yield from _against(
                data, data.study.model(key), baseline.entropy, baseline.misaligned_entropy,
                "features/questions", "",
            )  # fmt: skip
    for key, calibration in data.features.calibrations.items():
        wrong = calibration.misaligned_entropy
        if wrong is None:
            continue
        model = data.study.model(key)
        yield from _against(
            data, model, calibration.entropy, wrong, "features/calibration", "-calibration"
        )
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
        seed=data.plan.seed, label=f"entropy of rightly and wrongly cut {what}, {model.name}",
    )  # fmt: skip
    yield _entry(
        data, "wrong-mean" + suffix, model, mean, unit="nats", sources=sources[1:],
        method="mean over answers that have wrong rows",
        label=f"mean entropy of wrongly cut {what}, {model.name}",
    )  # fmt: skip


def wrong_axes(data: StudyData, subject: Subject, family: str) -> Iterator[Entry]:
    """Repeat experiment 3a with wrongly cut answers, to see what would have been found."""
    from stats.resampling import bootstrap_spearman, family_maxt, permute_spearman

    tables: list[tuple[Model, FloatArray, FloatArray]] = []
    for model, baseline in subject.members():
        if (wrong := baseline.misaligned_entropy) is None:
            continue
        kept = np.isfinite(wrong)
        nothing = np.full(kept.size, np.nan)
        axes = [baseline.projections.get(a.key, nothing)[kept] for a in data.study.axes]
        if kept.any():
            tables.append((model, wrong[kept][:, None], np.column_stack(axes)))
    permuted = [
        permute_spearman(x, y, data.draws.permutations(model.key, len(x))) for model, x, y in tables
    ]
    maxt = family_maxt(permuted) if permuted else ()
    for (model, x, y), tests, adjusted in zip(tables, permuted, maxt, strict=True):
        boot = bootstrap_spearman(
            x, y, data.draws.counts(model.key, len(x)), level=data.plan.ci_level
        )
        for j, axis in enumerate(data.study.axes):
            outcome: Outcome = tests.outcome(0, j)
            known = outcome.p is not None
            yield _entry(
                data, "axis-wrong", model, boot.estimate(0, j), axis.key, axis=axis.key,
                family=family, outcome=outcome, unit="rho", method=RHO, seed=data.plan.seed,
                p_adjusted={"maxt": float(adjusted[0, j])} if known else {},
                label=f"entropy of wrongly cut answers and {axis.name} in {model.name}",
                sources=tuple(
                    question_column(data, model, c) for c in ("misaligned_entropy", axis.key)
                ),
            )  # fmt: skip
