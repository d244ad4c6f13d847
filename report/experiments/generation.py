"""Experiment 1: entropy of the next-token distribution while a model answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from report import figures
from report.document import Cell, Figure, Section, Stat, Table
from report.experiments.base import Analysis, StudyData, Subject, entry_id, subjects
from report.features import FloatArray
from report.ledger import Entry, Family, Ledger
from report.study import Model
from report.tables import left, right
from stats.outcome import Estimate, Reason

SLUG = "generation"
TITLE = "Generation entropy"


def analyse(data: StudyData) -> Analysis:
    """Describe every model's entropy and compare all pairs of models."""
    entries: list[Entry] = []
    families: list[Family] = []
    arrays: dict[str, Any] = {}
    if rows := data.published("generation"):
        family = _pairs_family(data, "published")
        entries += [*_published(data, rows), *_published_pairs(data, rows, family.id)]
        families.append(family)
    for subject in subjects(data):
        family = _pairs_family(data, subject.cohort.key)
        entries += [*_measured(data, subject), *_sensitivity(data, subject)]
        entries += [*_over_positions(data, subject), *_compared(data, subject, family.id)]
        families.append(family)
        arrays[subject.cohort.key] = [b.entropy for b in subject.baselines]
    return Analysis(entries, families, arrays)


def _pairs_family(data: StudyData, level: str) -> Family:
    return Family(
        entry_id(SLUG, "pairs", data.study.id, level),
        "Differences in mean generation entropy, all pairs of models",
        "holm",
        data.plan.alpha,
    )


def _entry(
    data: StudyData, quantity: str, model: Model, estimate: Estimate, **fields: Any
) -> Entry:
    published = fields.get("evidence") == "published"
    parts = (SLUG, quantity, model.key, *(("published",) if published else ()))
    given: dict[str, Any] = {
        "evidence": data.evidence, "unit": "nats", "label": f"{quantity} of {model.name}"
    }  # fmt: skip
    return Entry(
        id=entry_id(*parts), experiment=SLUG, quantity=quantity, cohort=model.cohort,
        model=model.key, estimate=estimate, **(given | fields),
    )  # fmt: skip


# --- published numbers ------------------------------------------------------------------


def _published(data: StudyData, rows: Sequence[Mapping[str, str]]) -> Iterator[Entry]:
    from stats.comparison import mean_t_interval

    for row in rows:
        model, n = data.study.model(row["model"]), int(row["n_questions"])
        mean, sd = float(row["entropy_mean_nats"]), float(row["entropy_sd_nats"])
        described = (
            ("mean", "entropy_mean_nats", mean_t_interval(mean, sd, n, data.plan.ci_level)),
            ("sd", "entropy_sd_nats", None),
            ("median", "entropy_median_nats", None),
        )
        for quantity, column, interval in described:
            yield _entry(
                data, quantity, model, Estimate(float(row[column]), n, interval),
                evidence="published", method=f"{quantity} over questions, as published",
                label=f"{quantity} generation entropy of {model.name}",
                sources=(data.source("published/generation", column, model=model.key),),
            )  # fmt: skip
        yield _entry(
            data, "tokens", model, Estimate(float(row["n_tokens"]), n), evidence="published",
            unit="tokens", method="count, as published", label=f"generated tokens of {model.name}",
            sources=(data.source("published/generation", "n_tokens", model=model.key),),
        )  # fmt: skip


def _published_pairs(
    data: StudyData, rows: Sequence[Mapping[str, str]], family: str
) -> Iterator[Entry]:
    from stats.comparison import welch_from_summary

    columns = ("entropy_mean_nats", "entropy_sd_nats", "n_questions")
    for one, other in combinations(rows, 2):
        first, second = data.study.model(one["model"]), data.study.model(other["model"])
        summary = [float(row[c]) for row in (one, other) for c in columns]
        estimate, outcome = welch_from_summary(
            summary[0], summary[1], int(summary[2]), summary[3], summary[4], int(summary[5]),
            data.plan.ci_level,
        )  # fmt: skip
        yield Entry(
            id=entry_id(SLUG, "difference", first.key, second.key, "published"),
            experiment=SLUG, quantity="difference", family=family, evidence="published",
            cohort=first.cohort, model=f"{first.key} {second.key}", estimate=estimate,
            outcome=outcome, unit="nats", method="difference of means",
            label=f"mean generation entropy, {first.name} minus {second.name}",
            sources=tuple(
                data.source("published/generation", c, model=m.key)
                for m in (first, second) for c in columns
            ),
        )  # fmt: skip


# --- captures ---------------------------------------------------------------------------


def _question_source(data: StudyData, model: Model, column: str) -> str:
    return data.source("features/questions", column, model=model.key)


def _measured(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Describe each model by its questions: mean with BCa interval, sd, median, tokens."""
    from stats.resampling import bootstrap_mean

    for model, baseline in subject.members():
        values = _finite(baseline.entropy)
        n = values.size
        source = (_question_source(data, model, "entropy"),)
        if n < 2:
            missing = Estimate.missing(Reason.TOO_FEW, n)
            yield _entry(data, "mean", model, missing, method="mean over questions")
            continue
        counts = data.draws.counts(model.key, n)
        interval = bootstrap_mean(values, counts, level=data.plan.ci_level)
        for quantity, value, ci in (
            ("mean", values.mean(), interval),
            ("sd", values.std(ddof=1), None),
            ("median", np.median(values), None),
        ):
            yield _entry(
                data, quantity, model, Estimate(float(value), n, ci), sources=source,
                method=f"{quantity} over questions of the token mean",
                label=f"{quantity} generation entropy of {model.name}",
                seed=data.plan.seed if ci else None,
            )  # fmt: skip
        yield _entry(
            data, "tokens", model, Estimate(float(baseline.n_tokens.sum()), n), unit="tokens",
            method="count", label=f"generated tokens of {model.name}",
            sources=(_question_source(data, model, "n_tokens"),),
        )  # fmt: skip


def _sensitivity(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Weigh by tokens, and bound the full entropy where probability mass is missing."""
    for model, baseline in subject.members():
        kept = np.isfinite(baseline.entropy)
        if kept.sum() < 2:
            continue
        n, weights = int(kept.sum()), baseline.n_tokens[kept]
        weighted = float(np.average(baseline.entropy[kept], weights=weights))
        yield _entry(
            data, "token-weighted", model, Estimate(weighted, n),
            method="mean over tokens", label=f"token-weighted generation entropy of {model.name}",
            sources=tuple(_question_source(data, model, c) for c in ("entropy", "n_tokens")),
        )  # fmt: skip
        yield _entry(
            data, "mass", model, Estimate(float(baseline.stored_mass[kept].mean()), n),
            unit="share", method="mean probability mass of the stored candidates",
            label=f"stored probability mass of {model.name}",
            sources=(_question_source(data, model, "stored_mass"),),
        )  # fmt: skip
        if baseline.filtered:
            continue
        for bound in ("entropy_low", "entropy_high"):
            values = getattr(baseline, bound)[kept]
            known = bool(np.isfinite(values).all())
            yield _entry(
                data, bound.replace("_", "-"), model,
                Estimate(float(values.mean()), n) if known
                else Estimate.missing(Reason.UNKNOWN_VOCABULARY, n),
                method="bound of the full entropy, mean over questions",
                label=f"{bound.split('_')[1]} bound of the full entropy of {model.name}",
                sources=(_question_source(data, model, bound),),
            )  # fmt: skip


def _over_positions(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Follow the entropy along an answer: slope by position, and memory from token to token."""
    from stats.resampling import bootstrap_mean

    trends = (("slope", "slope", "nats-per-token"), ("autocorrelation", "autocorrelation", "rho"))
    for model, baseline in subject.members():
        for quantity, column, unit in trends:
            values = _finite(getattr(baseline, column))
            if values.size < 2:
                estimate = Estimate.missing(Reason.TOO_FEW, values.size)
            else:
                counts = data.draws.counts(model.key, values.size)
                interval = bootstrap_mean(values, counts, level=data.plan.ci_level)
                estimate = Estimate(float(values.mean()), values.size, interval)
            yield _entry(
                data, quantity, model, estimate, unit=unit, seed=data.plan.seed,
                method=f"mean over answers of the {quantity} over token positions",
                label=f"{quantity} of token entropy within answers of {model.name}",
                sources=(_question_source(data, model, column),),
            )  # fmt: skip


def _compared(data: StudyData, subject: Subject, family: str) -> Iterator[Entry]:
    """Compare models on the questions that all of them answered."""
    from stats.comparison import (
        friedman,
        hodges_lehmann_paired,
        rank_biserial_paired,
        wilcoxon_signed_rank,
    )

    if len(subject.models) < 2:
        return
    _, table = subject.matched(lambda baseline: baseline.entropy)
    cohort = subject.cohort.key
    if len(subject.models) > 2:
        estimate, outcome = friedman(table)
        yield Entry(
            id=entry_id(SLUG, "friedman", data.study.id, cohort), experiment=SLUG,
            quantity="friedman", evidence=data.evidence, cohort=cohort, estimate=estimate,
            outcome=outcome, unit="share", method="Kendall's W",
            label=f"agreement of the questions on the order of the {subject.cohort.unit}s",
            sources=tuple(_question_source(data, m, "entropy") for m in subject.models),
        )  # fmt: skip
    for i, j in combinations(range(len(subject.models)), 2):
        first, second = subject.models[i], subject.models[j]
        x, y = table[:, i], table[:, j]
        shared: dict[str, Any] = {
            "experiment": SLUG, "evidence": data.evidence, "cohort": cohort,
            "model": f"{first.key} {second.key}",
            "sources": tuple(_question_source(data, m, "entropy") for m in (first, second)),
        }  # fmt: skip
        yield Entry(
            id=entry_id(SLUG, "difference", first.key, second.key), quantity="difference",
            family=family, estimate=hodges_lehmann_paired(x, y, data.plan.ci_level),
            outcome=wilcoxon_signed_rank(x, y), unit="nats", method="Hodges–Lehmann, paired",
            label=f"generation entropy, {first.name} minus {second.name}", **shared,
        )  # fmt: skip
        counts = data.draws.counts(cohort, len(x))
        yield Entry(
            id=entry_id(SLUG, "rank-biserial", first.key, second.key), quantity="rank-biserial",
            estimate=rank_biserial_paired(x, y, counts, data.plan.ci_level), unit="rho",
            method="matched-pairs rank-biserial correlation", seed=data.plan.seed,
            label=f"rank-biserial correlation, {first.name} against {second.name}", **shared,
        )  # fmt: skip


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    tables: list[Table] = []
    for data in studies:
        if data.study.published.get("generation"):
            parts.append(_published_part(data, ledger))
            tables.append(_summary_table(data, ledger, "published", _members(data, ledger)))
            shown.append(_figure(data, ledger, "published", _members(data, ledger), None))
        for subject in subjects(data):
            parts.append(_measured_part(data, ledger, subject))
            key = subject.cohort.key
            tables.append(_summary_table(data, ledger, key, subject.models))
            tables.append(_sensitivity_table(data, ledger, subject))
            shown.append(_figure(data, ledger, key, subject.models, arrays[data.study.id][key]))
    return Section(SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables))


def _members(data: StudyData, ledger: Ledger) -> tuple[Model, ...]:
    return tuple(
        m for m in data.study.models if entry_id(SLUG, "mean", m.key, "published") in ledger
    )


def _suffix(level: str) -> tuple[str, ...]:
    return ("published",) if level == "published" else ()


def _summary_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for model in models:

        def cell(quantity: str, kind: str = "value", model: Model = model) -> Cell:
            name = entry_id(SLUG, quantity, model.key, *_suffix(level))
            return ledger[name].reason or Stat(name, kind) if name in ledger else Reason.TOO_FEW

        rows.append(
            (model.name, cell("mean"), cell("mean", "ci"), cell("sd"), cell("median"),
             cell("tokens"), cell("mean", "n"))
        )  # fmt: skip
    how = "t interval from the published mean and sd" if level == "published" else "BCa bootstrap"
    return Table(
        entry_id(SLUG, data.study.id, level).replace(".", "-"),
        f"Generation entropy in nats. CI: 95% confidence interval of the mean ({how}); "
        "sd and median are over questions.",
        (left("Model"), right("Mean"), right("95% CI"), right("sd"), right("Median"),
         right("Tokens"), right("Questions")),
        tuple(rows),
    )  # fmt: skip


def _sensitivity_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    quantities = ("mean", "token-weighted", "mass", "slope", "autocorrelation")

    def cell(quantity: str, model: Model, kind: str = "value") -> Cell:
        name = entry_id(SLUG, quantity, model.key)
        if name not in ledger:
            return Reason.MISSING_CAPTURE
        return ledger[name].reason or Stat(name, kind)

    rows = tuple((m.name, *(cell(q, m) for q in quantities)) for m in subject.models)
    return Table(
        entry_id(SLUG, "sensitivity", data.study.id, subject.cohort.key).replace(".", "-"),
        "Does the way of averaging matter? Mean over questions beside the mean over tokens (nats), "
        "the stored probability mass, and how token entropy changes within an answer: slope "
        "(nats per token) and autocorrelation at lag 1.",
        (left("Model"), right("By question"), right("By token"), right("Mass"), right("Slope"),
         right("Autocorrelation")),
        rows,
    )  # fmt: skip


def _pairs(ledger: Ledger, family: str) -> list[Entry]:
    return [ledger[name] for name in ledger.families[family].members]


def _extremes(entries: Sequence[Entry]) -> tuple[Entry, Entry]:
    known = [e for e in entries if e.value is not None]
    return min(known, key=_value), max(known, key=_value)


def _value(entry: Entry) -> float:
    assert entry.value is not None
    return entry.value


def _published_part(data: StudyData, ledger: Ledger) -> dict[str, Any]:
    means = [ledger[entry_id(SLUG, "mean", m.key, "published")] for m in _members(data, ledger)]
    return _part(data, ledger, "published", means)


def _measured_part(data: StudyData, ledger: Ledger, subject: Subject) -> dict[str, Any]:
    means = [ledger[entry_id(SLUG, "mean", m.key)] for m in subject.models]
    part = _part(data, ledger, subject.cohort.key, means)
    slopes = [ledger[entry_id(SLUG, "slope", m.key)] for m in subject.models]
    name = entry_id(SLUG, "friedman", data.study.id, subject.cohort.key)
    return part | {
        "cohort": subject.cohort,
        "friedman": ledger.get(name),
        "filtered": all(b.filtered for b in subject.baselines),
        "slopes": _extremes(slopes) if any(s.value is not None for s in slopes) else None,
        "sensitivity": entry_id(SLUG, "sensitivity", data.study.id, subject.cohort.key).replace(
            ".", "-"
        ),
    }


def _part(data: StudyData, ledger: Ledger, level: str, means: Sequence[Entry]) -> dict[str, Any]:
    family = ledger.families[_pairs_family(data, level).id]
    pairs = _pairs(ledger, family.id)
    lowest, highest = _extremes(means)
    name = entry_id(SLUG, data.study.id, level).replace(".", "-")
    return {
        "study": data.study, "level": level, "table": name, "figure": name, "means": means,
        "lowest": lowest, "highest": highest, "family": family,
        "name": {e.id: data.study.model(str(e.model)).name for e in means},
        "rejected": sum(bool(e.rejected) for e in pairs),
        "open": [e for e in pairs if e.rejected is False],
    }  # fmt: skip


def _figure(
    data: StudyData,
    ledger: Ledger,
    level: str,
    models: Sequence[Model],
    samples: Sequence[FloatArray] | None,
) -> Figure:
    means = [ledger[entry_id(SLUG, "mean", m.key, *_suffix(level))] for m in models]
    tones = [data.colours[m.key] for m in models]

    def draw(canvas: Canvas) -> None:
        bounds = [e.estimate.interval and (e.estimate.interval.low, e.estimate.interval.high)
                  for e in means]  # fmt: skip
        grid = canvas.subplots(1, 1 if samples is None else 2, sharey=samples is not None)
        axes = np.atleast_1d(grid)
        figures.intervals(
            axes[0], [m.label for m in models], [e.value for e in means], bounds, tones
        )
        axes[0].set_xlabel("mean entropy (nats), 95% CI")
        if samples is not None:
            _strips(axes[1], samples, tones)

    low, high = _extremes(means)
    name = entry_id(SLUG, data.study.id, level).replace(".", "-")
    beside = "" if samples is None else " Right: every question's entropy, with quartiles."
    return Figure(
        name, _filename(data, level),
        f"Mean generation entropy of each {data.study.cohorts[0].unit} with its 95% confidence "
        f"interval.{beside}",
        f"Forest plot of mean generation entropy, from {data.study.model(str(low.model)).name} "
        f"(lowest) to {data.study.model(str(high.model)).name} (highest).",
        (figures.WIDTH, 0.32 * len(models) + 0.9), draw,
    )  # fmt: skip


def _filename(data: StudyData, level: str) -> str:
    return f"{data.study.id}/exp1_generation_entropy" + (
        "_published" if level == "published" else ""
    )


def _strips(axes: Any, samples: Sequence[FloatArray], tones: Sequence[str]) -> None:
    for row, (values, tone) in enumerate(zip(samples[::-1], tones[::-1], strict=True)):
        known = _finite(values)
        if not known.size:
            continue
        spread = row + 0.18 * np.sin(np.arange(known.size) * 2.4)  # even, without random numbers
        axes.plot(known, spread, "o", ms=2.6, color=tone, alpha=0.55, mew=0)
        low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
        axes.plot([low, high], [row, row], color=figures.INK, lw=1.2)
        axes.plot(middle, row, "|", color=figures.INK, ms=9, mew=1.8)
    axes.set_xlabel("entropy by question (nats)")
    axes.grid(axis="x")
