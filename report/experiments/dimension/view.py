"""What the document shows of the n = 6 question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from report.document import figures, labels
from report.document.parts import Cell, Figure, Section, Stat, Table
from report.document.tables import left, right
from report.experiments.base import StudyData, entry_id, figure_file
from report.experiments.dimension.answers import answers
from report.experiments.dimension.correlation import POWER
from report.experiments.dimension.group import SLUG, Group
from report.ledger.format import escape
from report.ledger.ledger import Entry, Ledger

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

TITLE = "What can a handful of models say?"
MORE_MODELS = (10, 30, 60)
OTHER_SIZES = "0.45"  # grey
MOST = 0.5  # of a correlation: what is lost beyond depends on the estimator
STRONG, NEARLY_PERFECT = 0.5, 0.9  # what an interval must reach to leave room for it


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    groups: list[Group] = [g for data in studies for g in arrays[data.study.id].values()]
    parts = [_part(group, ledger) | {"where": _where(group, groups)} for group in groups]
    return Section(
        SLUG,
        TITLE,
        {"parts": parts, "power": "dimension-power"},
        (*(_figure(group, ledger, groups) for group in groups), *_power_curves(groups)),
        tuple(t for g in groups for t in (_answers(g, ledger), _without(g, ledger))),
        answers(studies, ledger),
    )


def _label(group: Group, *prefix: str) -> str:
    return entry_id(*prefix, SLUG, group.cohort.key, *group.tail).replace(".", "-")


def _where(group: Group, groups: Sequence[Group]) -> str:
    """Say which of a study's correlations is meant, if it has several."""
    if sum(g.data is group.data for g in groups) == 1:
        return ""
    return f"{group.cohort.title}{', published numbers' if group.tail else ''}"


def _part(group: Group, ledger: Ledger) -> dict[str, Any]:
    quantities = (
        "rho", "rho-corrected", "kendall", "bayes-factor", "detectable", "required-reference",
        "propagated", "entropy-trend", "level",
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
        "room": room(rho),
        "estimator": _estimator(rho, found.get("rho_corrected")),
        "same_order": "level" in found and found["level"].value == rho.value,
        "left_out": (valued[0], valued[-1]) if valued else None,
        "name": {e.id: group.data.study.model(str(e.model)).name for e in left_out},
        "ever_significant": [
            group.data.study.model(str(e.model)).name
            for e in left_out
            if e.p is not None and e.p <= alpha
        ],
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


def _estimator(plain: Entry, corrected: Entry | None) -> str:
    """Say in one word what correcting the dimensions does to the correlation."""
    if corrected is None or corrected.value is None or plain.value is None:
        return ""
    if corrected.value == plain.value:
        return "same"
    if corrected.value * plain.value <= 0:
        return "sign"
    share = abs(corrected.value) / abs(plain.value)
    return "stronger" if share > 1 else "weaker" if share > MOST else "estimator"


def room(rho: Entry) -> str:
    """Say in words what an interval leaves room for, where the test rejects nothing."""
    ci = rho.estimate.interval
    if ci is None:
        return ""
    if ci.low <= -STRONG and ci.high >= STRONG:
        return "leaves room for strong correlations of either sign"
    if ci.low > 0 or ci.high < 0:
        return "leaves out zero, which the test does not bear out"
    largest = max(-ci.low, ci.high)
    if largest >= NEARLY_PERFECT:
        return "leaves room for none at all as well as for a nearly perfect one"
    if largest >= STRONG:
        return "leaves room for none at all as well as for a strong one"
    return "leaves room for none at all and for no strong one"


_QUESTIONS = (
    ("rho", "ρ", ("value", "ci", "p", "floor")),
    ("rho-corrected", "ρ with the corrected dimensions", ("value", "ci", "p", "floor")),
    ("propagated", "ρ with the points' own uncertainty", ("value", "ci", "p", "floor")),
    ("kendall", "Kendall's τ", ("value", "ci", "p", "floor")),
    ("level", "ρ of intervention and effective dimension", ("value", "ci", "p", "floor")),
)


def _answers(group: Group, ledger: Ledger) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for quantity, words, kinds in _QUESTIONS:
        name = group.name(quantity)
        if name in ledger:
            rows.append((words, *(_known(ledger[name], kind) for kind in kinds)))
    return Table(
        _label(group, "answers"),
        f"{escape(group.cohort.title)}: the correlation of mean entropy and effective dimension, "
        "and how far each way of looking at it can be trusted. Intervals of ρ are those of Bonett "
        "and Wright. The floor is the smallest p that the test can reach.",
        (left("Statistic"), right("Estimate"), right(group.data.ci_name), right("p"),
         right("Floor")),
        tuple(rows),
    )  # fmt: skip


def _known(entry: Entry, kind: str) -> Cell:
    if kind == "ci" and entry.estimate.no_interval is not None:
        return entry.estimate.no_interval
    missing = (
        (kind == "ci" and entry.estimate.interval is None)
        or (kind in ("p", "floor") and entry.outcome is None)
        or (kind == "floor" and entry.outcome is not None and entry.outcome.p_floor is None)
    )
    return "" if missing else Stat(entry.id, kind)


def _without(group: Group, ledger: Ledger) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for model in group.models:
        effective = ledger[group.name("effective", model.key)]
        rest = group.name("leave-one-out", model.key)
        mean = entry_id("generation", "mean", model.key, *group.tail)
        interval: tuple[Cell, ...] = ()
        if not group.tail:
            corrected = ledger[group.name("corrected", model.key)]
            interval = (
                _known(effective, "ci"),
                corrected.reason or Stat(corrected.id, "value"),
                _known(corrected, "ci"),
            )
        rows.append(
            (model.name, Stat(mean, "value"), Stat(effective.id, "value"), *interval,
             Stat(rest, "value"), Stat(rest, "p"))
        )  # fmt: skip
    level = () if group.tail else (
        right(group.data.ci_name), right("Corrected"), right(group.data.ci_name),
    )  # fmt: skip
    return Table(
        _label(group, "without"),
        "The points of the correlation, and the correlation without each of them.",
        (left(group.cohort.unit.capitalize()), right("Entropy (nats)"),
         right("Effective dimension"), *level, right("ρ without it"), right("Exact p")),
        tuple(rows),
    )  # fmt: skip


def _figure(group: Group, ledger: Ledger, groups: Sequence[Group]) -> Figure:
    entropies = [ledger[entry_id("generation", "mean", m.key, *group.tail)] for m in group.models]
    effective = [ledger[group.name("effective", m.key)] for m in group.models]
    bars, level = any(e.estimate.interval for e in entropies), f", {group.data.ci_name}"

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        tones = [group.data.colours[m.key] for m in group.models]
        for x, y, tone in zip(entropies, effective, tones, strict=True):
            _cross(axes, x, y, tone)
        axes.set_xlabel(f"mean generation entropy (nats){level if bars else ''}")
        interval = "" if group.tail else level
        axes.set_ylabel(f"effective dimension{interval}")
        axes.grid()
        axes.margins(0.12)
        labels.label_points(
            axes, group.entropy.tolist(), group.effective.tolist(),
            [m.label for m in group.models], tones,
            lines=[_ends(x, y) for x, y in zip(entropies, effective, strict=True)],
        )  # fmt: skip

    what = "published, without interval" if group.tail else "with BCa intervals"
    alike = sum(g.data is group.data and g.tail == group.tail for g in groups)
    file = "exp3_entropy_vs_dimension" + f"_{group.cohort.key}" * (bool(group.tail) and alike > 1)
    around = f" ({group.data.ci_words})" if bars else ""
    order = sorted(zip(group.effective, group.models, strict=True), key=lambda pair: pair[0])
    return Figure(
        _label(group),
        figure_file(group.data, file, *(group.tail or [group.cohort.key])),
        f"{escape(group.cohort.title)}: mean entropy{around} against effective "
        f"dimension ({what}).",
        f"Scatter plot of {len(group.models)} {group.cohort.unit}s. Effective dimension is "
        f"smallest for {order[0][1].name} and largest for {order[-1][1].name}.",
        (figures.WIDTH * 0.8, 3.6), draw,
    )  # fmt: skip


def _power_curves(groups: Sequence[Group]) -> list[Figure]:
    """Draw the power of the test over the true correlation, here and with more models."""
    if not groups:
        return []
    sizes = sorted({len(group.models) for group in groups} | set(MORE_MODELS))
    present_sizes = {len(group.models) for group in groups}
    alpha = groups[0].data.plan.alpha
    units = {group.cohort.unit for group in groups}
    unit = units.pop() if len(units) == 1 else "model"

    def draw(canvas: Canvas) -> None:
        from stats.power import power_curve

        axes = canvas.subplots()
        rhos = np.linspace(0.0, 0.98, 50)
        for n in sizes:
            here = n in present_sizes
            tone = figures.INK if here else OTHER_SIZES  # the palette belongs to the models
            power = power_curve([float(rho) for rho in rhos], n, alpha)
            axes.plot(rhos, power, color=tone, lw=2.2 if here else 1.2)
            at = min(int(np.argmax(power >= 0.55)) or len(rhos) - 1, len(rhos) - 1)
            axes.annotate(
                f"n = {n}", (rhos[at], power[at]), xytext=(-3, 3), textcoords="offset points",
                ha="right", fontsize=7.5, color=tone, weight="bold" if here else "normal",
            )  # fmt: skip
        axes.axhline(POWER, color=figures.FAINT, lw=0.9, zorder=0)
        axes.set_xlabel("true correlation, |ρ|")
        axes.set_ylabel("probability of detecting it")
        axes.set_ylim(0, 1.02)
        axes.grid(axis="x")

    return [
        Figure(
            "dimension-power", "power_of_the_spearman_test",
            f"Power of the two-sided Spearman test at α = {alpha}, by the true correlation and the "
            f"number of {unit}s. Bold: the numbers in this document. Grey line: power {POWER}.",
            f"One curve for each of {len(sizes)} numbers of {unit}s."
            f"{_lowest_curve(min(present_sizes), alpha, unit)}",
            (figures.WIDTH * 0.8, 3.2), draw,
        )
    ]  # fmt: skip


def _lowest_curve(n: int, alpha: float, unit: str) -> str:
    """Say in words what the power curve of the fewest models looks like."""
    from stats.power import minimum_detectable_rho

    detectable = minimum_detectable_rho(n, POWER, alpha).value
    if detectable is None:
        return f" With {n} {unit}s the curve never rises."
    if detectable >= NEARLY_PERFECT:
        return f" With {n} {unit}s the curve stays low until the correlation is nearly perfect."
    return f" With {n} {unit}s the curve rises last."


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
