"""Experiments 3a and 3c: entropy against behavioural axes, and against dead zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report.document import figures
from report.document.parts import Figure, Section, Table
from report.experiments.base import (
    Analysis,
    StudyData,
    Subject,
    entry_id,
    figure_file,
    subjects,
    unit_of,
)
from report.experiments.behaviour import plots, tables
from report.experiments.behaviour.answers import answers
from report.experiments.behaviour.entries import (
    SLUG,
    Sample,
    pooled,
    published_axes,
    robust,
    sample_of,
    tested,
    without_capture,
)
from report.experiments.behaviour.tables import (
    family_of,
    in_words,
    label_of,
    pairs_of,
    suffix,
    survivors,
)
from report.experiments.behaviour.zones import published_zones, zones
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger, was_tested

TITLE = "Entropy and behavioural axes"
SCATTERED = ("confident_cautious", "verbose_concise")
"""The axes of the study's own figure."""
_TOLD = 6  # what survives beyond these is left to the table


def analyse(data: StudyData) -> Analysis:
    """Test every model × axis pair, and what goes with dead zones across models."""
    entries: list[Entry] = []
    families: list[Family] = []
    arrays: dict[str, Any] = {}

    def declare(quantity: str, level: str) -> str:
        families.append(family_of(data, quantity, level))
        return families[-1].id

    if data.published("behaviour"):
        entries += published_axes(data, SLUG, "axis", declare("axis", "published"))
    if data.published("dead_zones"):
        entries += published_zones(data, declare("zones", "published"))
    for subject in subjects(data):
        key, family = subject.cohort.key, declare("axis", subject.cohort.key)
        samples = [sample_of(data, model, baseline) for model, baseline in subject.members()]
        pairs = list(tested(data, samples, family))
        given_length = declare("partial", key)
        entries += [*pairs, *robust(data, samples, given_length)]
        entries += without_capture(data, subject, family, given_length)
        entries += zones(data, subject, declare("zones", key))
        if _poolable(subject):
            entries += pooled(data, subject.cohort, pairs, declare("pooled", key))
        arrays[key] = samples
    return Analysis(entries, families, arrays)


def _poolable(subject: Subject) -> bool:
    """Conditions of one model share its weights and questions: they are not a sample."""
    return subject.cohort.unit == "model" and len(subject.models) > 1


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    made: list[Table] = []
    for data in studies:
        if data.published("behaviour"):
            parts.append(_published_part(data, ledger))
            if parts[-1]["pairs"]:
                shown.append(_forest(data, ledger))
                made.append(tables.published_table(data, ledger))
            shown += _zones(data, ledger, "published")
            if data.published("dead_zones"):
                made.append(tables.zones_table(data, ledger, "published"))
        for subject in subjects(data):
            samples: list[Sample] = arrays[data.study.id][subject.cohort.key]
            parts.append(part := _measured_part(data, ledger, subject))
            if part["pairs"]:
                shown += [_map(data, ledger, subject), _scatter(data, ledger, subject, samples)]
                made.append(tables.strongest_table(data, ledger, subject))
            shown += _zones(data, ledger, subject.cohort.key)
            made.append(tables.zones_table(data, ledger, subject.cohort.key))
            if part["pooled"]:
                made.append(tables.pooled_table(data, ledger, subject))
    if parts:
        made.append(tables.rules_table(parts))
    return Section(
        SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(made), answers(studies, ledger)
    )


def _part(data: StudyData, ledger: Ledger, level: str, cohort: str) -> dict[str, Any]:
    family = ledger.families[family_of(data, "axis", level).id]
    pairs = pairs_of(ledger, family.id)
    by_rule = {rule: survivors(pairs, rule, family.alpha) for rule in fmt.RULES}
    kept = [e for e in pairs if e.rejected]
    named = in_words(data, pairs)
    counted = tables.zone_counts(data, ledger, level)
    across = {
        quantity.replace("-", "_"): ledger[name]
        for quantity in ("dead-zones", "dead-zones-dimension")
        if (name := entry_id(SLUG, quantity, cohort, *suffix(level))) in ledger
    }
    others: list[tuple[str, list[Entry], bool]] = []
    for rule, found in by_rule.items():
        if rule != family.method and (rule != "maxt" or not suffix(level)):
            others.append((rule, found, bool(others) and found == others[-1][1]))
    return {
        "study": data.study, "level": level, "family": family, "pairs": pairs, "kept": kept,
        "findings": _by_pole(named, kept[:_TOLD]), "name": named, "by_rule": by_rule,
        "rule": fmt.RULES[family.method], "rules": fmt.RULES,
        "across": across, "others": others,
        "one_model": named[kept[0].id]["model"] if len({e.model for e in kept}) == 1 else "",
        "nominal": [e for e in pairs if (e.p or 0.0) <= family.alpha],
        "untested": [
            e for name in family.members
            if (e := ledger[name]).p is None and not was_tested(e)
        ],

        "unit": next(c.unit for c in data.study.cohorts if c.key == cohort),
        "figure": label_of(data, level), "table": label_of(data, level),
        "zones_table": label_of(data, level, "zones"),
        "zones_figure": label_of(data, level, "zones"),
        "counted": bool(counted), "zones": sum(e.value or 0.0 for e in counted),
        "zones_against": [_AGAINST[q] for q in _described(data, ledger, level)],
    }  # fmt: skip


def _by_pole(named: Mapping[str, Mapping[str, str]], kept: Sequence[Entry]) -> list[dict[str, Any]]:
    """Group findings that say the same of several models."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for e in kept:
        groups.setdefault((named[e.id]["axis"], named[e.id]["pole"]), []).append(e)
    return [
        {"axis": axis, "pole": pole, "members": members} for (axis, pole), members in groups.items()
    ]


def _published_part(data: StudyData, ledger: Ledger) -> dict[str, Any]:
    first = data.study.model(data.published("behaviour")[0]["model"])
    part = _part(data, ledger, "published", first.cohort)
    family: Family = part["family"]
    unpublished = family.m - len(part["pairs"])
    selected = unpublished > 0 and len(part["nominal"]) == len(part["pairs"])
    return part | {"unpublished": unpublished, "selected": selected}


def _measured_part(data: StudyData, ledger: Ledger, subject: Subject) -> dict[str, Any]:
    key = subject.cohort.key
    part = _part(data, ledger, key, key)
    pairs: list[Entry] = part["pairs"]
    partial = ledger.families[family_of(data, "partial", key).id]
    given = {(e.model, e.axis): e for e in pairs_of(ledger, partial.id)}
    taus = [
        (e, ledger[name])
        for e in pairs
        if (name := entry_id(SLUG, "kendall", str(e.model), str(e.axis))) in ledger
    ]
    kept = {(e.model, e.axis) for e in part["kept"]}
    return part | {
        "cohort": subject.cohort, "members": len(subject.models), "partial": partial,
        "partial_kept": [e for e in given.values() if e.rejected],
        "partial_names": [
            f"{data.study.axis(str(e.axis)).name} in {data.study.model(str(e.model)).name}"
            for e in given.values() if e.rejected
        ],
        "partial_both": [e for pair, e in given.items() if e.rejected and pair in kept],
        "taus": len(taus),
        "same_sign": sum((e.value or 0.0) * (tau.value or 0.0) >= 0 for e, tau in taus),
        "pooled": _pooled_facts(data, ledger, subject) if pairs and _poolable(subject) else None,
        "map": label_of(data, key, "map"),
        "bounded": [
            (model.name, share, (share.value or 0.0) > data.plan.open_order)
            for model in subject.models
            if (share := ledger.get(entry_id("generation", "order-open", model.key))) is not None
        ],
    }  # fmt: skip


def _pooled_facts(data: StudyData, ledger: Ledger, subject: Subject) -> dict[str, Any]:
    family = ledger.families[family_of(data, "pooled", subject.cohort.key).id]
    found = pairs_of(ledger, family.id)
    kept = [e for e in found if e.rejected]
    return {
        "family": family, "kept": kept, "table": label_of(data, subject.cohort.key, "pooled"),
        "name": {e.id: data.study.axis(str(e.axis)).name for e in found},
        "pole": {
            e.id: axis.positive if (e.value or 0.0) > 0 else axis.negative
            for e in found if (axis := data.study.axis(str(e.axis)))
        },
    }  # fmt: skip


# --- figures ----------------------------------------------------------------------------


def _forest(data: StudyData, ledger: Ledger) -> Figure:
    family = ledger.families[family_of(data, "axis", "published").id]
    pairs = sorted(pairs_of(ledger, family.id), key=lambda e: -(e.value or 0.0))
    kept = fmt.count(sum(bool(e.rejected) for e in pairs))
    return Figure(
        label_of(data, "published"), figure_file(data, "exp3_entropy_vs_behavior", "published"),
        f"The published correlations of generation entropy and axis with their {data.ci_name} "
        f"(Bonett and Wright). Filled: survives correction for all tests; open: does not. Right: "
        f"p after correction ({fmt.RULES[family.method]}).",
        f"Forest plot of {fmt.count(len(pairs), 'Spearman correlation')}{_sides(pairs)}; "
        f"{kept} of them marked as surviving correction.",
        (figures.WIDTH, 0.27 * len(pairs) + 0.9),
        lambda canvas: plots.forest(canvas, data, pairs, family.method),
    )  # fmt: skip


def _sides(pairs: Sequence[Entry]) -> str:
    """Say on which side of zero correlations lie."""
    signs = {(e.value or 0.0) > 0 for e in pairs}
    if len(signs) > 1:
        return " on both sides of zero"
    return (" above zero" if True in signs else " at or below zero") if len(pairs) > 1 else ""


def _zones(data: StudyData, ledger: Ledger, level: str) -> list[Figure]:
    """Draw experiment 3c, where there are dead zones at all."""
    counted = tables.zone_counts(data, ledger, level)
    described = _described(data, ledger, level)
    if not described or not any(e.value for e in counted):
        return []
    return [
        Figure(
            label_of(data, level, "zones"), figure_file(data, "exp3c_dead_zones", level),
            f"Number of dead zones against {' and against '.join(_AGAINST[q] for q in described)}.",
            f"{'Two scatter plots' if len(described) > 1 else 'Scatter plot'} of "
            f"{fmt.count(len(counted), unit_of(data, level))}{_most(data, counted)}.",
            (figures.WIDTH, 2.6),
            lambda canvas: plots.dead_zones(canvas, data, list(described.values())),
        )
    ]  # fmt: skip


_AGAINST = {"mean": "mean generation entropy", "effective": "effective dimension"}


def _described(data: StudyData, ledger: Ledger, level: str) -> dict[str, list[tuple[Entry, Entry]]]:
    """Match the dead zones with mean entropy and with effective dimension, as far as known."""
    found: dict[str, list[tuple[Entry, Entry]]] = {}
    for experiment, quantity in (("generation", "mean"), ("dimension", "effective")):
        for e in tables.zone_counts(data, ledger, level):
            other = ledger.get(entry_id(experiment, quantity, str(e.model), *suffix(level)))
            if other is not None and None not in (other.value, e.value):
                found.setdefault(quantity, []).append((other, e))
    return found


def _most(data: StudyData, counted: Sequence[Entry]) -> str:
    """Say which models have the most dead zones, unless it is all of them."""
    largest = max(e.value or 0.0 for e in counted)
    names = [data.study.model(str(e.model)).name for e in counted if e.value == largest]
    if len(names) == len(counted):
        return ""
    return f"; {fmt.listing(names)} {'has' if len(names) == 1 else 'have'} the most dead zones"


def _map(data: StudyData, ledger: Ledger, subject: Subject) -> Figure:
    family = ledger.families[family_of(data, "axis", subject.cohort.key).id]
    pairs = {(e.model, e.axis): e for e in pairs_of(ledger, family.id)}
    kept = sum(bool(e.rejected) for e in pairs.values())
    return Figure(
        label_of(data, subject.cohort.key, "map"),
        figure_file(data, "exp3a_axis_correlations", subject.cohort.key),
        "Spearman correlation of generation entropy and projection over the questions, for each "
        f"{subject.cohort.unit} and axis. A dot marks what survives correction "
        f"({fmt.RULES[family.method]}); hatched cells cannot be computed.",
        f"Heat map of correlations, one row a {subject.cohort.unit} and one column an axis; "
        f"{fmt.count(kept, 'cell')} marked as surviving correction.",
        (figures.WIDTH, 0.32 * len(subject.models) + 1.3),
        lambda canvas: plots.correlation_map(canvas, data, subject.models, pairs),
    )  # fmt: skip


def _scatter(
    data: StudyData, ledger: Ledger, subject: Subject, samples: Sequence[Sample]
) -> Figure:
    keys = [a.key for a in data.study.axes]
    chosen = [key for key in SCATTERED if key in keys] or keys[: len(SCATTERED)]
    axes = [data.study.axis(key) for key in chosen]
    names = fmt.escape(" and ".join(axis.name for axis in axes))
    columns = min(len(samples), plots.MAX_COLUMNS)
    rows = len(axes) * -(-len(samples) // plots.MAX_COLUMNS)
    return Figure(
        label_of(data, subject.cohort.key),
        figure_file(data, "exp3_entropy_vs_behavior", subject.cohort.key),
        f"Generation entropy and projection of every question, for {names}. Each panel has its "
        "own range of entropy; a bold ρ survives correction."
        + " Where probability is missing, the entropy is that of the stored candidates."
        * any(sample.open_order for sample in samples),
        f"Scatter plots of projection against entropy by question, {fmt.count(columns, 'column')} "
        f"of {subject.cohort.unit}s and {fmt.count(rows, 'row')}.",
        (figures.WIDTH, 1.25 * rows + 0.5),
        lambda canvas: plots.scatter(canvas, data, ledger, samples, axes),
    )  # fmt: skip
