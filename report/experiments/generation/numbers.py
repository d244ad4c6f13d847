"""The numbers of experiment 1: description of every model, comparison of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from report.capture.features import Baseline, FloatArray
from report.experiments.base import Analysis, StudyData, Subject, entry_id, subjects, unit_of
from report.experiments.generation.bounded import (
    SLUG,
    bounded_pairs,
    bounds,
    matched,
    model_entry,
    nearest,
    question_source,
)
from report.ledger.ledger import Entry, Family
from report.study.published import Rows
from report.study.study import Model
from stats.outcome import Estimate, Outcome, Reason


def analyse(data: StudyData) -> Analysis:
    """Describe every model's entropy and compare all pairs of models."""
    entries: list[Entry] = []
    families: list[Family] = []
    arrays: dict[str, Any] = {}
    if rows := data.published("generation"):
        family = pairs_family(data, "published")
        entries += [*_published(data, rows), *_published_pairs(data, rows, family.id)]
        families.append(family)
    for subject in subjects(data):
        family = pairs_family(data, subject.cohort.key)
        entries += [*_measured(data, subject), *_sensitivity(data, subject)]
        entries += [*bounds(data, subject), *_before_filtering(data, subject)]
        entries += [*_over_positions(data, subject), *_compared(data, subject, family.id)]
        entries += bounded_pairs(data, subject)
        families.append(family)
        arrays[subject.cohort.key] = subject
    return Analysis(entries, families, arrays)


def pairs_family(data: StudyData, level: str) -> Family:
    """Declare the family of all pairs of models, at one evidence level."""
    return Family(
        entry_id(SLUG, "pairs", data.study.id, level),
        f"Differences in mean generation entropy, all pairs of {unit_of(data, level)}s",
        "holm",
        data.plan.alpha,
    )


# --- published numbers ------------------------------------------------------------------


def _published(data: StudyData, rows: Rows) -> Iterator[Entry]:
    from stats.comparison import mean_t_interval

    for row in rows:
        model, n = data.study.model(row["model"]), int(row["n_questions"])
        mean, sd = row["entropy_mean_nats"], row["entropy_sd_nats"]
        around = (
            mean_t_interval(float(mean), float(sd), n, data.plan.ci_level)
            if mean and sd
            else Reason.NO_INTERVAL
        )
        described = (
            ("mean", "entropy_mean_nats", "nats", around),
            ("sd", "entropy_sd_nats", "nats", None),
            ("median", "entropy_median_nats", "nats", None),
            ("tokens", "n_tokens", "tokens", None),
        )
        for quantity, column, unit, interval in described:
            tokens, text = quantity == "tokens", row[column]
            yield model_entry(
                data, quantity, model,
                Estimate.within(float(text), n, interval) if text
                else Estimate.missing(row.why(column), n),
                evidence="published", unit=unit,
                method="count, as published" if tokens
                else f"{quantity} over questions, as published",
                label=f"generated tokens of {model.name}" if tokens
                else f"{quantity} generation entropy of {model.name}",
                sources=(data.source("published/generation", column, model=model.key),),
            )  # fmt: skip


def _published_pairs(data: StudyData, rows: Rows, family: str) -> Iterator[Entry]:
    from stats.comparison import welch_from_summary

    columns = ("entropy_mean_nats", "entropy_sd_nats", "n_questions")
    for one, other in combinations(rows, 2):
        first, second = data.study.model(one["model"]), data.study.model(other["model"])
        if first.cohort != second.cohort:
            continue
        n = int(one["n_questions"]) + int(other["n_questions"])
        method = "Welch t test from summaries, unpaired"
        if gone := [row for row in (one, other) if not row["entropy_mean_nats"]]:
            reason = gone[0].why("entropy_mean_nats")
            estimate = Estimate.missing(reason, n)
            outcome = Outcome.missing(method, reason, n)
        elif one["entropy_sd_nats"] and other["entropy_sd_nats"]:
            summary = [float(row[c]) for row in (one, other) for c in columns]
            estimate, outcome = welch_from_summary(
                summary[0], summary[1], int(summary[2]), summary[3], summary[4], int(summary[5]),
                data.plan.ci_level,
            )  # fmt: skip
        else:
            difference = float(one["entropy_mean_nats"]) - float(other["entropy_mean_nats"])
            estimate = Estimate.within(difference, n, Reason.NO_INTERVAL)
            bare = one if other["entropy_sd_nats"] else other
            outcome = Outcome.missing(method, bare.why("entropy_sd_nats"), n)
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


def _measured(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Describe each model by its questions: mean with studentised interval, sd, median, tokens."""
    from stats.resampling import bootstrap_mean

    for model in subject.expected:
        baseline = data.features.baselines.get(model.key)
        values = finite(np.empty(0) if baseline is None else baseline.entropy)
        n = values.size
        source = (question_source(data, model, "entropy"),)
        if baseline is None or n < 2:
            why = Reason.TOO_FEW if n else data.features.why_missing(model.key, "baseline")
            yield model_entry(
                data, "mean", model, Estimate.missing(why, n), sources=source,
                method="mean over questions of the token mean",
                label=f"mean generation entropy of {model.name}",
            )  # fmt: skip
            continue
        whole = baseline.is_complete
        if not whole:
            yield model_entry(
                data, "mean", model, Estimate.missing(Reason.NOT_IDENTIFIED, n), sources=source,
                method="mean over questions of the token mean",
                label=f"mean generation entropy of {model.name}",
            )  # fmt: skip
        counts = data.draws.counts(model.key, n)
        interval = bootstrap_mean(values, counts, level=data.plan.ci_level)
        for quantity, value, ci in (
            ("mean", values.mean(), interval),
            ("sd", values.std(ddof=1), None),
            ("median", np.median(values), None),
        ):
            yield model_entry(
                data, quantity if whole else f"top-k-{quantity}", model,
                Estimate.within(float(value), n, ci), sources=source,
                method=f"{quantity} over questions of the token mean",
                label=f"{quantity} generation entropy of {model.name}" if whole
                else f"{quantity} top-k entropy (of the stored candidates) of {model.name}",
                **(data.drawn if ci else {}),
            )  # fmt: skip
        total = float(np.rint((baseline.n_tokens * baseline.n_answers).sum()))
        columns = ("n_tokens", "n_answers") if baseline.repeated else ("n_tokens",)
        yield model_entry(
            data, "tokens", model, Estimate(total, baseline.n_questions), unit="tokens",
            method="count over answers" if baseline.repeated else "count",
            label=f"generated tokens of {model.name}",
            sources=tuple(question_source(data, model, c) for c in columns),
        )  # fmt: skip
        yield _longest(data, model, baseline)
        if baseline.repeated:
            yield from _repeats(data, model, baseline)


def _repeats(data: StudyData, model: Model, baseline: Baseline) -> Iterator[Entry]:
    """Say how much the answers to one question vary, against the questions."""
    from stats.comparison import intraclass

    yield model_entry(
        data, "answers", model,
        Estimate(float(baseline.n_answers.sum()), baseline.n_questions), unit="count",
        method="count", label=f"answers of {model.name}",
        sources=(question_source(data, model, "n_answers"),),
    )  # fmt: skip
    assert baseline.entropy_within is not None
    several = np.isfinite(baseline.entropy_within) & np.isfinite(baseline.entropy)
    within, n = baseline.entropy_within[several], int(several.sum())
    yield model_entry(
        data, "within", model,
        Estimate(float(within.mean()), n) if n else Estimate.missing(Reason.TOO_FEW, 0), unit="",
        method="mean over questions of the variance between answers",
        label=f"variance of {kind_of(baseline)}entropy between answers to one question of "
        f"{model.name}, square nats",
        sources=(question_source(data, model, "entropy_within"),),
    )  # fmt: skip
    yield model_entry(
        data, "intraclass", model,
        intraclass(baseline.entropy[several], within, baseline.n_answers[several]), unit="",
        method="intraclass correlation of answers to one question",
        label=f"intraclass correlation of the {kind_of(baseline)}entropies of answers of "
        f"{model.name}",
        sources=tuple(
            question_source(data, model, c) for c in ("entropy", "entropy_within", "n_answers")
        ),
    )  # fmt: skip


def _longest(data: StudyData, model: Model, baseline: Baseline) -> Entry:
    """Count the answers that are as long as the longest one: many where generation was cut off."""
    known = baseline.n_tokens > 0
    every = int(baseline.n_answers[known].sum())
    share = float(baseline.n_longest[known].sum() / every) if every else None
    return model_entry(
        data, "longest", model,
        Estimate.missing(Reason.TOO_FEW, 0) if share is None else Estimate(share, every),
        unit="share", method="share of answers of the largest length",
        label=f"answers of {model.name} that are as long as its longest",
        sources=tuple(question_source(data, model, c) for c in ("n_longest", "n_answers")),
    )  # fmt: skip


def _sensitivity(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Weigh by tokens, and say how much probability the stored candidates hold."""
    for model, baseline in subject.members():
        kept = np.isfinite(baseline.entropy)
        if kept.sum() < 2:
            continue
        n = int(kept.sum())
        kind = "generation" if baseline.is_complete else "top-k"
        yield model_entry(
            data, "token-weighted", model, _by_tokens(data, baseline, baseline.entropy),
            method="mean over tokens", label=f"token-weighted {kind} entropy of {model.name}",
            sources=tuple(question_source(data, model, c) for c in ("entropy", "n_tokens")),
        )  # fmt: skip
        yield model_entry(
            data, "mass", model, Estimate(float(baseline.stored_mass[kept].mean()), n),
            unit="share", method="mean probability mass of the stored candidates",
            label=f"stored probability mass of {model.name}",
            sources=(question_source(data, model, "stored_mass"),),
        )  # fmt: skip


def _before_filtering(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Describe the model's own distribution, where it was stored beside the filtered scores."""
    described = (
        ("unfiltered", "entropy", "over the stored candidates"),
        ("unfiltered-low", "entropy_low", "lower bound"),
        ("unfiltered-high", "entropy_high", "upper bound"),
        ("unfiltered-full", "entropy_full", "over the whole vocabulary"),
        ("unfiltered-mass", "stored_mass", "stored probability mass"),
        ("unfiltered-inside", "n_inside", "tokens whose full entropy lies inside its bounds"),
    )
    for model, baseline in subject.members():
        if (found := baseline.unfiltered) is None:
            continue
        for quantity, name, words in described:
            values = finite(np.asarray(getattr(found, name), dtype=np.float64))
            total, unit = quantity == "unfiltered-inside", "nats"
            if total or quantity == "unfiltered-mass":
                unit = "tokens" if total else "share"
            value = values.sum() if total else values.mean() if values.size else None
            yield model_entry(
                data, quantity, model,
                Estimate.missing(Reason.UNKNOWN_VOCABULARY, 0) if value is None
                else Estimate(float(value), values.size),
                unit=unit, method="sum over questions" if total else "mean over questions",
                label=f"{model.name} before filtering: {words}",
                sources=(question_source(data, model, f"unfiltered_{name}"),),
            )  # fmt: skip
            if name in ("entropy", "entropy_full"):
                yield _over_tokens(data, model, baseline, quantity, words)


def _over_tokens(
    data: StudyData, model: Model, baseline: Baseline, quantity: str, words: str
) -> Entry:
    """Weigh answers before filtering by their tokens, as whoever averages all rows does."""
    assert baseline.unfiltered is not None
    column = "entropy_full" if quantity.endswith("full") else "entropy"
    return model_entry(
        data, f"{quantity}-token-weighted", model,
        _by_tokens(data, baseline, getattr(baseline.unfiltered, column)),
        method="mean over tokens", label=f"{model.name} before filtering: {words}, over all tokens",
        sources=(question_source(data, model, f"unfiltered_{column}"),
                 question_source(data, model, "n_tokens")),
    )  # fmt: skip


def _by_tokens(data: StudyData, baseline: Baseline, values: FloatArray) -> Estimate:
    """Average over answers whose length is known, each as often as it has tokens."""
    if not (kept := np.isfinite(values)).any():
        return Estimate.missing(Reason.TOO_FEW, 0)
    if not (kept := kept & (baseline.n_tokens > 0)).any():
        return Estimate.missing(data.features.why_missing(baseline.model, "baseline"), 0)
    mean = np.average(values[kept], weights=baseline.n_tokens[kept])
    return Estimate(float(mean), int(kept.sum()))


def _over_positions(data: StudyData, subject: Subject) -> Iterator[Entry]:
    """Follow the entropy along an answer: slope by position, and memory from token to token."""
    from stats.resampling import bootstrap_mean

    trends = (("slope", "slope", "nats-per-token"), ("autocorrelation", "autocorrelation", "rho"))
    for model, baseline in subject.members():
        for quantity, column, unit in trends:
            values = finite(getattr(baseline, column))
            if values.size < 2:
                # Answers of one token have an entropy, and no course.
                known = baseline.has_entropy
                why = Reason.TOO_FEW if known else data.features.why_missing(model.key, "baseline")
                estimate = Estimate.missing(why, values.size)
            else:
                counts = data.draws.counts(model.key, values.size)
                interval = bootstrap_mean(values, counts, level=data.plan.ci_level)
                estimate = Estimate.within(float(values.mean()), values.size, interval)
            yield model_entry(
                data, quantity, model, estimate, unit=unit,
                **({} if estimate.value is None else data.drawn),
                method=f"mean over answers of the {quantity} over token positions",
                label=f"{quantity} of {kind_of(baseline)}token entropy within answers of "
                f"{model.name}",
                sources=(question_source(data, model, column),),
            )  # fmt: skip


def _compared(data: StudyData, subject: Subject, family: str) -> Iterator[Entry]:
    """Compare all models on the questions that all answered, and pairs on those that both did."""
    from stats.comparison import (
        friedman,
        hodges_lehmann_paired,
        rank_biserial_paired,
        wilcoxon_signed_rank,
    )

    everyone, cohort = subject.expected, subject.cohort.key
    subject = subject.with_entropy
    if len(subject.models) > 2:
        estimate, outcome = friedman(subject.matched(_entropy)[1])
        if not all(b.is_complete for b in subject.baselines):
            n = estimate.n
            estimate = Estimate.missing(Reason.NOT_IDENTIFIED, n)
            outcome = Outcome.missing(outcome.method, Reason.NOT_IDENTIFIED, n)
        yield Entry(
            id=entry_id(SLUG, "friedman", data.study.id, cohort), experiment=SLUG,
            quantity="friedman", evidence=data.evidence, cohort=cohort, estimate=estimate,
            outcome=outcome, unit="share", method="Kendall's W",
            label=f"agreement of the questions on the order of the {subject.cohort.unit}s",
            sources=tuple(question_source(data, m, "entropy") for m in subject.models),
        )  # fmt: skip
    for first, second in combinations(everyone, 2):
        pair = [m for m in (first, second) if m in subject.models]
        known = subject.only(pair)
        columns = nearest(known) if len(pair) == 2 else ("entropy", "entropy")
        x, y = matched(known, columns or ("entropy",) * 2).T if len(pair) == 2 else np.empty((2, 0))
        counts = data.draws.counts(cohort, len(x)) if len(x) else None
        shift, effect = (
            hodges_lehmann_paired(x, y, data.plan.ci_level),
            rank_biserial_paired(x, y, counts, data.plan.ci_level),
        )
        test = wilcoxon_signed_rank(x, y)
        if len(pair) < 2:
            lost = next(m for m in (first, second) if m not in pair)
            why = data.features.why_missing(lost.key, "baseline")
            shift = effect = Estimate.missing(why, 0)
            test = Outcome.missing(test.method, why, 0)
        elif columns is None:
            shift = effect = Estimate.missing(Reason.NOT_IDENTIFIED, len(x))
            test = Outcome.missing(test.method, Reason.NOT_IDENTIFIED, len(x))
        shared: dict[str, Any] = {
            "experiment": SLUG, "evidence": data.evidence, "cohort": cohort,
            "model": f"{first.key} {second.key}",
            "sources": tuple(
                question_source(data, m, c)
                for m, c in zip((first, second), columns or ("entropy",) * 2, strict=True)
            ),
        }  # fmt: skip
        smallest = (
            " (the smallest that the bounds allow)" if columns and columns[0] != "entropy" else ""
        )
        yield Entry(
            id=entry_id(SLUG, "difference", first.key, second.key), quantity="difference",
            family=family, estimate=shift, outcome=test, unit="nats",
            method="Hodges–Lehmann, paired",
            label=f"generation entropy, {first.name} minus {second.name}{smallest}", **shared,
        )  # fmt: skip
        yield Entry(
            id=entry_id(SLUG, "rank-biserial", first.key, second.key), quantity="rank-biserial",
            estimate=effect, unit="rho", method="matched-pairs rank-biserial correlation",
            **({} if effect.value is None else data.drawn),
            label=f"rank-biserial correlation, {first.name} against {second.name}", **shared,
        )  # fmt: skip


def kind_of(baseline: Baseline) -> str:
    """Say where an entropy is only that of the stored candidates."""
    return "" if baseline.is_complete else "top-k "


def _entropy(baseline: Baseline) -> FloatArray:
    return baseline.entropy


def finite(values: FloatArray) -> FloatArray:
    """Drop what is missing."""
    return values[np.isfinite(values)]
