"""The numbers of the n = 6 question: effective dimensions, and their one correlation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from report.experiments.base import Analysis, StudyData, Subject, entry_id, subjects
from report.features import FloatArray
from report.ledger import Entry, Evidence
from report.lineage import selector
from report.study import Cohort, Model
from stats.outcome import Estimate, Interval, Outcome, Reason

SLUG = "dimension"
POWER = 0.8
REFERENCE_RHO = 0.5
FEWEST = 3  # models that a rank correlation needs


@dataclass(frozen=True)
class Group:
    """The models of one cohort at one evidence level, with both variables."""

    data: StudyData
    cohort: Cohort
    evidence: Evidence
    models: tuple[Model, ...]
    entropy: FloatArray
    effective: FloatArray

    @property
    def tail(self) -> tuple[str, ...]:
        """What ids of this evidence level end in."""
        return ("published",) if self.evidence == "published" else ()

    def name(self, quantity: str, *subject: str) -> str:
        """Return the id of an entry about the cohort, or about ``subject``."""
        return entry_id(SLUG, quantity, *(subject or (self.cohort.key,)), *self.tail)

    def sources(self, without: str = "") -> tuple[str, str]:
        """Select both variables from the ledger; a model that lacks one has an empty cell."""
        excluded = {"model!": without} if without else {}
        described = {"cohort": self.cohort.key, "evidence": self.evidence, **excluded}
        return (
            selector("", "ledger", "estimate", experiment="generation", quantity="mean",
                     **described),
            selector("", "ledger", "estimate", experiment=SLUG, quantity="effective",
                     **described),
        )  # fmt: skip

    def entry(self, quantity: str, estimate: Estimate, *subject: str, **fields: Any) -> Entry:
        """Make an entry of this group."""
        given: dict[str, Any] = {
            "sources": self.sources(), "unit": "rho", "method": "Spearman's rho",
            "label": f"{quantity}: mean entropy and effective dimension",
        }  # fmt: skip
        return Entry(
            id=self.name(quantity, *subject), experiment=SLUG, quantity=quantity,
            evidence=self.evidence, cohort=self.cohort.key, estimate=estimate, **(given | fields),
        )  # fmt: skip


def analyse(data: StudyData) -> Analysis:
    """Estimate every model's effective dimension and relate it to the entropy."""
    entries: list[Entry] = []
    groups: list[Group] = []
    arrays: dict[str, Any] = {}
    entries += _published_effective(data)
    groups += _published_groups(data)
    for subject in subjects(data):
        described = list(_effective(data, subject))
        entries += described
        if (group := _measured_group(data, subject, described)) is not None:
            groups.append(group)
            entries += _propagated(group, subject)
            entries += _trend(group, subject, described)
    for group in groups:
        entries += [*_correlation(group), *_leave_one_out(group), *_robustness(group)]
        entries += _power(group)
        arrays[".".join((group.cohort.key, *group.tail))] = group
    return Analysis(entries, (), arrays)


# --- effective dimension ----------------------------------------------------------------


def _published_groups(data: StudyData) -> Iterator[Group]:
    """Pair the published numbers of each cohort that has enough of both kinds."""
    for cohort in data.study.cohorts:
        rows = [
            row for row in data.published("generation")
            if row["effective_dimension"] and data.study.model(row["model"]).cohort == cohort.key
        ]  # fmt: skip
        if len(rows) < FEWEST:
            continue
        models = tuple(data.study.model(row["model"]) for row in rows)
        columns = [
            np.array([float(row[column]) for row in rows])
            for column in ("entropy_mean_nats", "effective_dimension")
        ]
        yield Group(data, cohort, "published", models, *columns)


def _published_effective(data: StudyData) -> Iterator[Entry]:
    for row in data.published("generation"):
        model, n = data.study.model(row["model"]), int(row["n_questions"])
        text = row["effective_dimension"]
        estimate = Estimate(float(text), n) if text else Estimate.missing(Reason.PUBLISHED_NAN, n)
        yield Entry(
            id=entry_id(SLUG, "effective", model.key, "published"), experiment=SLUG,
            quantity="effective", evidence="published", cohort=model.cohort, model=model.key,
            estimate=estimate, unit="dimension", method="participation ratio, as published",
            label=f"effective dimension of {model.name}",
            sources=(data.source("published/generation", "effective_dimension", model=model.key),),
        )  # fmt: skip


def _effective(data: StudyData, subject: Subject) -> Iterator[Entry]:
    from stats.dimension import (
        jackknife_participation_ratio,
        participation_ratio,
        resampled_participation_ratio,
    )
    from stats.resampling import bootstrap_interval

    axes = [axis.key for axis in data.study.axes]
    for model in subject.expected:
        points = _points(data, model, axes)
        estimate = (
            participation_ratio(points)
            if len(points)
            else Estimate.missing(_why_no_points(data, model, axes), 0)
        )
        if estimate.value is not None:
            counts = data.draws.counts(model.key, len(points))
            interval = bootstrap_interval(
                estimate.value, resampled_participation_ratio(points, counts),
                jackknife_participation_ratio(points), level=data.plan.ci_level,
            )  # fmt: skip
            estimate = Estimate(estimate.value, estimate.n, interval)
        yield Entry(
            id=entry_id(SLUG, "effective", model.key), experiment=SLUG, quantity="effective",
            evidence=data.evidence, cohort=model.cohort, model=model.key, estimate=estimate,
            unit="dimension", method="participation ratio of the covariance of the projections",
            seed=data.plan.seed, label=f"effective dimension of {model.name}",
            sources=tuple(
                data.source("features/questions", axis, model=model.key) for axis in axes
            ),
        )  # fmt: skip


def _points(data: StudyData, model: Model, axes: Sequence[str]) -> FloatArray:
    """Return the projections of the questions that have all of them, shape (Q, axes)."""
    baseline = data.features.baselines.get(model.key)
    if baseline is None:
        return np.empty((0, len(axes)))
    points = np.column_stack([baseline.projections[axis] for axis in axes])
    return points[np.isfinite(points).all(axis=1)]


def _why_no_points(data: StudyData, model: Model, axes: Sequence[str]) -> Reason:
    baseline = data.features.baselines.get(model.key)
    lacking = (
        axis for axis in axes
        if baseline is not None and not np.isfinite(baseline.projections[axis]).any()
    )  # fmt: skip
    return data.features.why_missing(model.key, "projections", next(lacking, ""))


def _measured_group(data: StudyData, subject: Subject, described: Sequence[Entry]) -> Group | None:
    """Pair mean entropy and effective dimension for the models that have both."""
    effective = {entry.model: entry.value for entry in described}
    chosen = [
        (model, float(np.nanmean(baseline.entropy)), value)
        for model, baseline in subject.members()
        if (value := effective[model.key]) is not None and np.isfinite(baseline.entropy).sum() > 1
    ]
    if len(chosen) < FEWEST:
        return None
    return Group(
        data, subject.cohort, data.evidence, tuple(c[0] for c in chosen),
        np.array([c[1] for c in chosen]), np.array([c[2] for c in chosen]),
    )  # fmt: skip


# --- the correlation across models ------------------------------------------------------


def _test(group: Group, x: FloatArray, y: FloatArray, name: str) -> Outcome:
    """Test exactly where all arrangements can be listed, else by random permutation."""
    from stats.correlation import EXACT_MAX, spearman_exact
    from stats.resampling import permute_spearman

    if len(x) <= EXACT_MAX:
        return spearman_exact(x, y)
    permutations = group.data.draws.permutations(name, len(x))
    return permute_spearman(x[:, None], y[:, None], permutations).outcome(0, 0)


def _interval(group: Group, x: FloatArray, y: FloatArray, name: str) -> Interval | None:
    from stats.resampling import ENUMERATE_MAX, bootstrap_spearman, exact_bootstrap_spearman

    level = group.data.plan.ci_level
    if len(x) <= ENUMERATE_MAX:
        return exact_bootstrap_spearman(x, y, level)
    counts = group.data.draws.counts(name, len(x))
    return bootstrap_spearman(x[:, None], y[:, None], counts, level=level).interval(0, 0)


def _related(group: Group, quantity: str, x: FloatArray, y: FloatArray, **fields: Any) -> Entry:
    from stats.correlation import spearman

    estimate = spearman(x, y)
    interval = None if estimate.value is None else _interval(group, x, y, group.cohort.key)
    return group.entry(
        quantity, Estimate(estimate.value, estimate.n, interval, estimate.reason),
        outcome=_test(group, x, y, group.cohort.key), **fields,
    )  # fmt: skip


def _correlation(group: Group) -> Iterator[Entry]:
    yield _related(
        group, "rho", group.entropy, group.effective,
        label="Spearman correlation of mean entropy and effective dimension",
    )  # fmt: skip


def _leave_one_out(group: Group) -> Iterator[Entry]:
    from stats.correlation import spearman

    for i, model in enumerate(group.models):
        x, y = np.delete(group.entropy, i), np.delete(group.effective, i)
        yield group.entry(
            "leave-one-out", spearman(x, y), model.key, outcome=_test(group, x, y, model.key),
            model=model.key, label=f"Spearman correlation without {model.name}",
            method="Spearman's rho, one left out", sources=group.sources(model.key),
        )  # fmt: skip


def _robustness(group: Group) -> Iterator[Entry]:
    from stats.correlation import bayes_factor, bonett_wright, kendall, spearman

    estimate = spearman(group.entropy, group.effective)
    if estimate.value is None:
        return
    rho, n = estimate.value, estimate.n
    yield group.entry(
        "rho-closed-form", Estimate(rho, n, bonett_wright(rho, n, group.data.plan.ci_level)),
        label="the same correlation with the Bonett–Wright interval",
    )  # fmt: skip
    tau = kendall(group.entropy, group.effective)
    if tau.statistic is not None:
        yield group.entry(
            "kendall", Estimate(tau.statistic, n), outcome=tau, method="Kendall's tau-b",
            label="Kendall's tau of mean entropy and effective dimension",
        )  # fmt: skip
    yield group.entry(
        "bayes-factor", bayes_factor(rho, n), unit="ratio",
        method="Bayes factor BF10 for a correlation, from Spearman's rho",
        label="Bayes factor for a correlation against none",
    )  # fmt: skip


def _power(group: Group) -> Iterator[Entry]:
    """Say what this number of models can detect, and how many would be needed."""
    from stats.correlation import spearman
    from stats.power import minimum_detectable_rho, required_n, spearman_power

    n, alpha = len(group.models), group.data.plan.alpha
    rho = spearman(group.entropy, group.effective).value
    answers: list[tuple[str, float | None, str, str]] = [
        ("detectable", minimum_detectable_rho(n, POWER, alpha).value, "rho",
         f"smallest correlation that this many models detect with {POWER:.0%} power"),
        ("required-reference", required_n(REFERENCE_RHO, POWER, alpha), "models",
         f"models needed to detect a correlation of {REFERENCE_RHO} with {POWER:.0%} power"),
    ]  # fmt: skip
    if rho:
        answers += [
            ("power", spearman_power(abs(rho), n, alpha), "share",
             "power to detect a correlation as large as the observed one"),
            ("required-observed", required_n(abs(rho), POWER, alpha), "models",
             f"models needed to detect the observed correlation with {POWER:.0%} power"),
        ]  # fmt: skip
    for quantity, value, unit, label in answers:
        estimate = (
            Estimate.missing(Reason.TOO_FEW, n) if value is None else Estimate(float(value), n)
        )
        yield group.entry(
            quantity, estimate, unit=unit, method="power of the Spearman test", label=label
        )


# --- what only captures allow -----------------------------------------------------------


def _propagated(group: Group, subject: Subject) -> Iterator[Entry]:
    """Resample questions within models, so that the points themselves become uncertain."""
    from stats.correlation import spearman
    from stats.rankmatrix import spearman_rows

    chosen = subject.only(group.models)
    entropy, effective = _nested(group.data, chosen)
    if entropy is None or effective is None:
        return
    replicates = spearman_rows(entropy, effective)
    known = replicates[np.isfinite(replicates)]
    rho = spearman(group.entropy, group.effective)
    if rho.value is None or not known.size:
        return
    tail = (1 - group.data.plan.ci_level) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    interval = Interval(
        float(low), float(high), group.data.plan.ci_level, "nested bootstrap, percentile",
        len(replicates), 1 - known.size / len(replicates),
    )  # fmt: skip
    yield group.entry(
        "propagated", Estimate(rho.value, rho.n, interval), seed=group.data.plan.seed,
        method="Spearman's rho, questions resampled within models",
        label="the same correlation with the uncertainty of its points",
    )  # fmt: skip


def _nested(data: StudyData, subject: Subject) -> tuple[FloatArray | None, FloatArray | None]:
    """Return replicates (B, models) of both variables under one resampling of the questions."""
    from stats.dimension import resampled_participation_ratio

    questions, table = subject.matched(lambda b: b.entropy)
    if len(questions) < 3:
        return None, None
    counts = data.draws.counts(subject.cohort.key, len(questions))
    effective: list[FloatArray] = []
    for baseline in subject.baselines:
        rows = [baseline.questions.index(q) for q in questions]
        points = np.column_stack(list(baseline.projections.values()))[rows]
        if not np.isfinite(points).all():
            return None, None
        effective.append(resampled_participation_ratio(points, counts))
    return counts @ table / len(questions), np.column_stack(effective)


def _trend(group: Group, subject: Subject, described: Sequence[Entry]) -> Iterator[Entry]:
    """Follow an intervention: entropy by question, and effective dimension, over its levels."""
    from stats.comparison import page_trend

    if not group.cohort.intervention:
        return
    levels = {m.key: m.level for m in subject.expected if m.level is not None}
    ordered = sorted((m for m in group.models if m.key in levels), key=lambda m: levels[m.key])
    if len(ordered) >= FEWEST:
        _, table = subject.only(ordered).matched(lambda b: b.entropy)
        yield group.entry(
            "entropy-trend", _last_to_first(table), outcome=page_trend(table), unit="ratio",
            method="ratio of mean entropies, last level to first",
            label=f"entropy over the levels of {group.cohort.intervention}",
            sources=tuple(
                group.data.source("features/questions", "entropy", model=m.key) for m in ordered
            ),
        )  # fmt: skip
    pairs = np.array([
        (levels[str(e.model)], e.value)
        for e in described if e.value is not None and e.model in levels
    ]).reshape(-1, 2)  # fmt: skip
    if len(pairs) >= FEWEST:
        yield _related(
            group, "level", pairs[:, 0], pairs[:, 1],
            label=f"Spearman correlation of {group.cohort.intervention} and effective dimension",
            sources=(group.data.source("study", "level", cohort=group.cohort.key),
                     group.sources()[1]),
        )  # fmt: skip


def _last_to_first(table: FloatArray) -> Estimate:
    """Divide the mean of the last column by that of the first, over the same questions."""
    if not len(table):
        return Estimate.missing(Reason.TOO_FEW, 0)
    first, last = (float(table[:, column].mean()) for column in (0, -1))
    if first == 0.0:
        return Estimate.missing(Reason.CONSTANT_INPUT, len(table))
    return Estimate(last / first, len(table))
