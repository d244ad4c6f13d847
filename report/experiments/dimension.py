"""Experiment 3b: does low entropy go with a compressed behavioural space? What n = 6 can say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from report import figures
from report.document import Cell, Figure, Section, Stat, Table
from report.experiments.base import Analysis, StudyData, Subject, entry_id, subjects
from report.features import FloatArray
from report.ledger import Entry, Evidence, Ledger
from report.lineage import selector
from report.study import Cohort, Model
from report.tables import left, right
from stats.outcome import Estimate, Interval, Outcome, Reason

SLUG = "dimension"
TITLE = "What can a handful of models say?"
POWER = 0.8
REFERENCE_RHO = 0.5
STRONG = 0.5  # by common usage: what an interval must reach to leave room for it
_EXACT_UP_TO = 8  # enumeration of arrangements and of count vectors stays instant


@dataclass(frozen=True)
class _Group:
    """The models of one cohort at one evidence level, with both variables."""

    data: StudyData
    cohort: Cohort
    evidence: Evidence
    models: tuple[Model, ...]
    entropy: FloatArray
    effective: FloatArray

    @property
    def tail(self) -> tuple[str, ...]:
        return ("published",) if self.evidence == "published" else ()

    def name(self, quantity: str, *subject: str) -> str:
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
    groups: list[_Group] = []
    arrays: dict[str, Any] = {}
    if data.published("generation"):
        groups.append(_published_group(data))
        entries += _published_effective(groups[-1])
    for subject in subjects(data):
        described = list(_effective(data, subject))
        entries += described
        if (group := _measured_group(data, subject, described)) is not None:
            groups.append(group)
            entries += _propagated(group, subject)
            entries += _trend(group, subject)
    for group in groups:
        entries += [*_correlation(group), *_leave_one_out(group), *_robustness(group)]
        entries += _power(group)
        arrays[".".join((group.cohort.key, *group.tail))] = group
    return Analysis(entries, (), arrays)


# --- effective dimension ----------------------------------------------------------------


def _published_group(data: StudyData) -> _Group:
    rows = [row for row in data.published("generation") if row["effective_dimension"]]
    models = tuple(data.study.model(row["model"]) for row in rows)
    columns = [
        np.array([float(row[column]) for row in rows])
        for column in ("entropy_mean_nats", "effective_dimension")
    ]
    cohort = next(c for c in data.study.cohorts if c.key == models[0].cohort)
    return _Group(data, cohort, "published", models, *columns)


def _published_effective(group: _Group) -> Iterator[Entry]:
    data = group.data
    for row in data.published("generation"):
        model, n = data.study.model(row["model"]), int(row["n_questions"])
        text = row["effective_dimension"]
        estimate = Estimate(float(text), n) if text else Estimate.missing(Reason.PUBLISHED_NAN, n)
        yield group.entry(
            "effective", estimate, model.key, model=model.key, unit="dimension",
            method="participation ratio, as published",
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
    for model, baseline in subject.members():
        known = [axis for axis in axes if axis in baseline.projections]
        points = np.column_stack([baseline.projections[axis] for axis in known] or [[]])
        points = points[np.isfinite(points).all(axis=1)]
        estimate = (
            participation_ratio(points) if known else Estimate.missing(Reason.MISSING_CAPTURE, 0)
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
                data.source("features/questions", axis, model=model.key) for axis in known
            ),
        )  # fmt: skip


def _measured_group(data: StudyData, subject: Subject, described: Sequence[Entry]) -> _Group | None:
    """Pair mean entropy and effective dimension for the models that have both."""
    chosen = [
        (model, float(np.nanmean(baseline.entropy)), entry.value)
        for (model, baseline), entry in zip(subject.members(), described, strict=True)
        if entry.value is not None and np.isfinite(baseline.entropy).sum() > 1
    ]
    if len(chosen) < 3:
        return None
    return _Group(
        data, subject.cohort, data.evidence, tuple(c[0] for c in chosen),
        np.array([c[1] for c in chosen]), np.array([c[2] for c in chosen]),
    )  # fmt: skip


# --- the correlation across models ------------------------------------------------------


def _test(group: _Group, x: FloatArray, y: FloatArray, name: str) -> Outcome:
    """Test exactly where all arrangements can be listed, else by random permutation."""
    from stats.correlation import spearman_exact
    from stats.resampling import permute_spearman

    if len(x) <= _EXACT_UP_TO:
        return spearman_exact(x, y)
    permutations = group.data.draws.permutations(name, len(x))
    return permute_spearman(x[:, None], y[:, None], permutations).outcome(0, 0)


def _interval(group: _Group, x: FloatArray, y: FloatArray, name: str) -> Interval | None:
    from stats.resampling import bootstrap_spearman, exact_bootstrap_spearman

    level = group.data.plan.ci_level
    if len(x) <= _EXACT_UP_TO:
        return exact_bootstrap_spearman(x, y, level)
    counts = group.data.draws.counts(name, len(x))
    return bootstrap_spearman(x[:, None], y[:, None], counts, level=level).interval(0, 0)


def _related(group: _Group, quantity: str, x: FloatArray, y: FloatArray, **fields: Any) -> Entry:
    from stats.correlation import spearman

    estimate = spearman(x, y)
    interval = None if estimate.value is None else _interval(group, x, y, group.cohort.key)
    return group.entry(
        quantity, Estimate(estimate.value, estimate.n, interval, estimate.reason),
        outcome=_test(group, x, y, group.cohort.key), **fields,
    )  # fmt: skip


def _correlation(group: _Group) -> Iterator[Entry]:
    yield _related(
        group, "rho", group.entropy, group.effective,
        label="Spearman correlation of mean entropy and effective dimension",
    )  # fmt: skip


def _leave_one_out(group: _Group) -> Iterator[Entry]:
    from stats.correlation import spearman

    for i, model in enumerate(group.models):
        x, y = np.delete(group.entropy, i), np.delete(group.effective, i)
        yield group.entry(
            "leave-one-out", spearman(x, y), model.key, outcome=_test(group, x, y, model.key),
            model=model.key, label=f"Spearman correlation without {model.name}",
            method="Spearman's rho, one left out", sources=group.sources(model.key),
        )  # fmt: skip


def _robustness(group: _Group) -> Iterator[Entry]:
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


def _power(group: _Group) -> Iterator[Entry]:
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


def _propagated(group: _Group, subject: Subject) -> Iterator[Entry]:
    """Resample questions within models, so that the points themselves become uncertain."""
    from stats.correlation import spearman
    from stats.rankmatrix import spearman_rows

    by_model = dict(subject.members())
    chosen = Subject(group.cohort, group.models, tuple(by_model[m] for m in group.models))
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


def _trend(group: _Group, subject: Subject) -> Iterator[Entry]:
    """Follow an intervention: entropy by question, and effective dimension, over its levels."""
    from stats.comparison import page_trend

    levels = [m.level for m in group.models if m.level is not None]
    if not group.cohort.intervention or len(levels) != len(group.models):
        return
    order = np.argsort(levels)
    by_model = dict(subject.members())
    chosen = Subject(group.cohort, group.models, tuple(by_model[m] for m in group.models))
    _, table = chosen.matched(lambda b: b.entropy)
    outcome = page_trend(table[:, order])
    ratio = float(group.entropy[order[-1]] / group.entropy[order[0]])
    yield group.entry(
        "entropy-trend", Estimate(ratio, len(table)), outcome=outcome, unit="ratio",
        method="ratio of mean entropies, last level to first",
        label=f"entropy over the levels of {group.cohort.intervention}",
        sources=tuple(
            group.data.source("features/questions", "entropy", model=group.models[i].key)
            for i in order
        ),
    )  # fmt: skip
    yield _related(
        group, "level", np.array(levels), group.effective,
        label=f"Spearman correlation of {group.cohort.intervention} and effective dimension",
        sources=(group.data.source("study", "level", cohort=group.cohort.key),
                 group.sources()[1]),
    )  # fmt: skip


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    groups: list[_Group] = [g for data in studies for g in arrays[data.study.id].values()]
    return Section(
        SLUG, TITLE, {"parts": [_part(group, ledger) for group in groups]},
        tuple(_figure(group, ledger) for group in groups),
        tuple(t for g in groups for t in (_answers(g, ledger), _without(g, ledger))),
    )  # fmt: skip


def _label(group: _Group, *prefix: str) -> str:
    return entry_id(*prefix, SLUG, group.cohort.key, *group.tail).replace(".", "-")


def _part(group: _Group, ledger: Ledger) -> dict[str, Any]:
    quantities = (
        "rho", "rho-closed-form", "kendall", "bayes-factor", "detectable", "power",
        "required-observed", "required-reference", "propagated", "entropy-trend", "level",
    )  # fmt: skip
    named = {q.replace("-", "_"): group.name(q) for q in quantities}
    found = {q: ledger[name] for q, name in named.items() if name in ledger}
    rho = ledger[group.name("rho")]
    alpha = group.data.plan.alpha
    left_out = [ledger[group.name("leave-one-out", m.key)] for m in group.models]
    valued = sorted((e for e in left_out if e.value is not None), key=lambda e: e.value or 0.0)
    return {
        "study": group.data.study, "cohort": group.cohort, "published": bool(group.tail),
        "n": len(group.models), "entries": found, "alpha": alpha,
        "significant": rho.p is not None and rho.p <= alpha,
        "positive": (rho.value or 0.0) > 0,
        "either_sign": _reaches(rho, -STRONG) and _reaches(rho, STRONG),
        "same_order": "level" in found and found["level"].value == rho.value,
        "left_out": (valued[0], valued[-1]) if valued else None,
        "name": {e.id: group.data.study.model(str(e.model)).name for e in left_out},
        "ever_significant": [e for e in left_out if e.p is not None and e.p <= alpha],
        "excluded": [
            group.data.study.model(str(e.model)).name
            for e in ledger.select(experiment=SLUG, quantity="effective", evidence=group.evidence,
                                   cohort=group.cohort.key)
            if e.value is None
        ],
        "figure": _label(group), "answers": _label(group, "answers"),
        "without": _label(group, "without"),
        "level_significant": "level" in found
        and found["level"].p is not None and found["level"].p <= alpha,
    }  # fmt: skip


def _reaches(entry: Entry, rho: float) -> bool:
    ci = entry.estimate.interval
    return ci is not None and ci.low <= rho <= ci.high


_QUESTIONS = (
    ("rho", "ρ with exact bootstrap interval", ("value", "ci", "p", "floor")),
    ("rho-closed-form", "ρ with Bonett–Wright interval", ("value", "ci", "p", "floor")),
    ("propagated", "ρ with the points' own uncertainty", ("value", "ci", "p", "floor")),
    ("kendall", "Kendall's τ", ("value", "ci", "p", "floor")),
    ("level", "ρ of intervention and effective dimension", ("value", "ci", "p", "floor")),
)


def _answers(group: _Group, ledger: Ledger) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for quantity, words, kinds in _QUESTIONS:
        name = group.name(quantity)
        if name in ledger:
            rows.append((words, *(_known(ledger[name], kind) for kind in kinds)))
    return Table(
        _label(group, "answers"),
        f"Mean entropy and effective dimension, {group.cohort.title}: one correlation, and how "
        "far each way of looking at it can be trusted. The floor is the smallest p that the test "
        "can reach.",
        (left("Statistic"), right("Estimate"), right("95% CI"), right("p"), right("Floor")),
        tuple(rows),
    )  # fmt: skip


def _known(entry: Entry, kind: str) -> Cell:
    missing = (
        (kind == "ci" and entry.estimate.interval is None)
        or (kind in ("p", "floor") and entry.outcome is None)
        or (kind == "floor" and entry.outcome is not None and entry.outcome.p_floor is None)
    )
    return "" if missing else Stat(entry.id, kind)


def _without(group: _Group, ledger: Ledger) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for model in group.models:
        effective = ledger[group.name("effective", model.key)]
        rest = group.name("leave-one-out", model.key)
        mean = entry_id("generation", "mean", model.key, *group.tail)
        rows.append(
            (model.name, Stat(mean, "value"), Stat(effective.id, "value"),
             _known(effective, "ci"), Stat(rest, "value"), Stat(rest, "p"))
        )  # fmt: skip
    return Table(
        _label(group, "without"),
        "The points of the correlation, and the correlation without each of them.",
        (left(group.cohort.unit.capitalize()), right("Entropy (nats)"),
         right("Effective dimension"), right("95% CI"), right("ρ without it"), right("Exact p")),
        tuple(rows),
    )  # fmt: skip


def _figure(group: _Group, ledger: Ledger) -> Figure:
    entropies = [ledger[entry_id("generation", "mean", m.key, *group.tail)] for m in group.models]
    effective = [ledger[group.name("effective", m.key)] for m in group.models]

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        tones = [group.data.colours[m.key] for m in group.models]
        for x, y, tone in zip(entropies, effective, tones, strict=True):
            _cross(axes, x, y, tone)
        axes.set_xlabel("mean generation entropy (nats), 95% CI")
        interval = "" if group.tail else ", 95% CI"
        axes.set_ylabel(f"effective dimension{interval}")
        axes.grid()
        axes.margins(0.12)
        figures.label_points(
            axes, group.entropy.tolist(), group.effective.tolist(),
            [m.label for m in group.models], tones,
            lines=[_ends(x, y) for x, y in zip(entropies, effective, strict=True)],
        )  # fmt: skip

    what = "published, without interval" if group.tail else "with BCa intervals"
    order = sorted(zip(group.effective, group.models, strict=True), key=lambda pair: pair[0])
    return Figure(
        _label(group), f"{group.data.study.id}/exp3_entropy_vs_dimension"
        + ("_published" if group.tail else ""),
        f"Mean entropy (95% confidence interval) against effective dimension ({what}), "
        f"{group.cohort.title}.",
        f"Scatter plot of {len(group.models)} {group.cohort.unit}s. Effective dimension is "
        f"smallest for {order[0][1].name} and largest for {order[-1][1].name}.",
        (figures.WIDTH * 0.8, 3.6), draw,
    )  # fmt: skip


def _ends(x: Entry, y: Entry) -> tuple[float, float, float, float]:
    """Return the ends of a point's intervals: left, right, bottom, top."""
    assert x.value is not None
    assert y.value is not None
    across, up = x.estimate.interval, y.estimate.interval
    return (
        across.low if across else x.value, across.high if across else x.value,
        up.low if up else y.value, up.high if up else y.value,
    )  # fmt: skip


def _cross(axes: Axes, x: Entry, y: Entry, tone: str) -> None:
    """Draw a point with its intervals in both directions."""
    assert x.value is not None
    assert y.value is not None
    left_end, right_end, bottom, top = _ends(x, y)
    axes.plot([left_end, right_end], [y.value] * 2, color=tone, lw=1.1, alpha=0.6)
    axes.plot([x.value] * 2, [bottom, top], color=tone, lw=1.1, alpha=0.6)
    axes.plot(x.value, y.value, "o", color=tone, ms=6)
