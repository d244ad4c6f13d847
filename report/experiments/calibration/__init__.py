"""Experiment 4: entropy under an instruction for one pole of an axis against the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from report.document import figures
from report.document.parts import Figure, Section, Table
from report.experiments.base import Analysis, StudyData, entry_id, figure_file, unit_of
from report.experiments.calibration import plots
from report.experiments.calibration.across import replication_entries, tuning_entries, tuning_pairs
from report.experiments.calibration.answers import answers
from report.experiments.calibration.contrasts import SLUG, Calibrated, calibrated, contrast_entries
from report.experiments.calibration.tables import (
    RULES,
    contrast_table,
    entry_of,
    family_id,
    is_bounded,
    length_table,
    name,
    pole_table,
    replication_tables,
)
from report.ledger.format import listing
from report.ledger.ledger import Entry, Family, Ledger
from report.study.published import Row, Rows
from report.study.study import Axis, Model
from stats.outcome import Estimate, Outcome, Reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

TITLE = "Entropy by pole"
# From this many on, what survives is listed and not told one by one.
_SENTENCES = 8


def analyse(data: StudyData) -> Analysis:
    """Compare the poles of every axis in every model that was calibrated."""
    entries: list[Entry] = []
    families: list[Family] = []
    if rows := data.published("calibration"):
        family = poles_family(data, "published")
        entries += _published(data, rows, family.id)
        families.append(family)
    for group in calibrated(data):
        made, declared = _measured(data, group)
        entries += made
        families += declared
    return Analysis(entries, families)


def _measured(data: StudyData, group: Calibrated) -> tuple[list[Entry], list[Family]]:
    """Compute the contrasts of one cohort and what they give over its models."""
    level = group.cohort.key
    declared = [
        poles_family(data, level),
        _family(
            data, "lengths", level, f"Answer length by pole, all {unit_of(data, level)}s and axes"
        ),
        _family(data, "replication", level, "Entropy by pole, combined over models, by axis"),
        _family(data, "tuning", level, "Entropy by pole, base against instruction-tuned models"),
    ]
    entries = list(contrast_entries(data, group, declared[0].id, declared[1].id))
    entries += replication_entries(data, group, entries, declared[2].id)
    entries += tuning_entries(data, group, declared[3].id)
    used = {e.family for e in entries}
    return entries, [family for family in declared if family.id in used]


def _family(data: StudyData, what: str, level: str, title: str) -> Family:
    return Family(family_id(data, what, level), title, data.plan.decision, data.plan.alpha)


def poles_family(data: StudyData, level: str) -> Family:
    """Declare the family of all contrasts of one level."""
    return _family(
        data, "poles", level,
        "Entropy under the positive against the negative pole, "
        f"all {unit_of(data, level)}s and axes",
    )  # fmt: skip


# --- published numbers ------------------------------------------------------------------


def published_models(data: StudyData) -> tuple[Model, ...]:
    """Return the models that the published table lists."""
    listed = {row["model"] for row in data.published("calibration")}
    return tuple(m for m in data.study.models if m.key in listed)


def _published(data: StudyData, rows: Rows, family: str) -> Iterator[Entry]:
    """Read pole means, difference and p; no interval, since no spread is published."""
    found = {(row["model"], row["axis"]): row for row in rows}
    n = 2 * data.study.n_questions
    for model in published_models(data):
        for axis in data.study.axes:
            row = found.get((model.key, axis.key)) or _absent(data, model, axis)
            for quantity, column, size in (
                ("delta", "delta_nats", n),
                ("positive", "entropy_positive_nats", n // 2),
                ("negative", "entropy_negative_nats", n // 2),
            ):
                text = row.get(column, "")
                tested = quantity == "delta"
                columns = (column, "p") if tested else (column,)
                yield Entry(
                    id=entry_id(SLUG, quantity, model.key, axis.key, "published"),
                    experiment=SLUG, quantity=quantity, evidence="published",
                    cohort=model.cohort, model=model.key, axis=axis.key,
                    family=family if tested else "", unit="nats",
                    estimate=Estimate.within(float(text), size, Reason.NO_INTERVAL) if text
                    else Estimate.missing(row.why(column), size),
                    outcome=_published_test(row, n) if tested else None,
                    method="difference of pole means, as published" if tested
                    else "mean over answers, as published",
                    label=_label(quantity, model, axis),
                    sources=tuple(
                        data.source("published/calibration", c, model=model.key, axis=axis.key)
                        for c in columns
                    ),
                )  # fmt: skip


def _absent(data: StudyData, model: Model, axis: Axis) -> Row:
    """Return a row without numbers, for a pair that the table lacks."""
    row = Row()
    if data.study.transcribed.lacks("calibration", model.key, axis.key):
        row.damaged = frozenset(
            ("delta_nats", "entropy_positive_nats", "entropy_negative_nats", "p")
        )
    return row


def _published_test(row: Row, n: int) -> Outcome:
    """Take the published p; where only a bound is given, the bound, which is conservative."""
    method = "test as published, not named"
    if not row.get("p"):
        return Outcome.missing(method, row.why("p"), n)
    if row["p_relation"] == "<":
        method += "; p is an upper bound"
    return Outcome(method, n, statistic=float(row["delta_nats"]), p=float(row["p"]))


def _label(quantity: str, model: Model, axis: Axis) -> str:
    names = {
        "delta": f"entropy, {axis.positive} minus {axis.negative}",
        "positive": f"mean entropy under “{axis.positive}”",
        "negative": f"mean entropy under “{axis.negative}”",
    }
    return f"{names[quantity]}, {model.name}"


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    tables: list[Table] = []
    for data in studies:
        if data.published("calibration"):
            models = published_models(data)
            parts.append(_published_part(data, ledger, models))
            tables.append(contrast_table(data, ledger, "published", models))
            shown.append(_figure(data, ledger, "published", models))
        for group in calibrated(data):
            level = group.cohort.key
            parts.append(_measured_part(data, ledger, group))
            tables.append(contrast_table(data, ledger, level, group.shown))
            if parts[-1]["poles"]:
                tables.append(pole_table(data, ledger, group))
            tables.append(length_table(data, ledger, group))
            shown.append(_figure(data, ledger, level, group.shown))
            tables += replication_tables(data, ledger, group)
    return Section(
        SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables), answers(studies, ledger)
    )


def _contrasts(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> list[Entry]:
    return [entry_of(ledger, "delta", level, m, a) for m in models for a in data.study.axes]


def _part(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> dict[str, Any]:
    """Collect what both levels say: what survives, in which model, and what is missing."""
    family = ledger.families[poles_family(data, level).id]
    contrasts = _contrasts(data, ledger, level, models)
    missing: dict[tuple[str, Reason], list[str]] = {}
    for entry in contrasts:
        reason = entry.estimate.reason if level == "published" else entry.reason
        if reason and reason is not Reason.NOT_IDENTIFIED:
            where = (data.study.model(str(entry.model)).name, reason)
            missing.setdefault(where, []).append(data.study.axis(str(entry.axis)).name)
    return {
        "study": data.study, "level": level, "family": family, "models": models,
        "rule": RULES[family.method], "table": name(data, level), "figure": name(data, level),
        "contrasts": contrasts,
        "survivors": [(e, data.study.model(str(e.model)), data.study.axis(str(e.axis)))
                      for e in contrasts if e.rejected],
        "findings": _findings(data, contrasts),
        "by_model": [(m, kept) for m in models if (kept := [
            (e, data.study.axis(str(e.axis))) for e in contrasts if e.rejected and e.model == m.key
        ])],
        "missing": [(model, axes, reason) for (model, reason), axes in missing.items()],
        "agree": _axes_by_agreement(data, ledger, level, models),
    }  # fmt: skip


def _findings(data: StudyData, contrasts: Sequence[Entry]) -> list[dict[str, Any]]:
    """Group what survives by axis and direction, so that it is told once for several models."""
    groups: dict[tuple[str, bool], list[tuple[Entry, Model]]] = {}
    for entry in contrasts:
        if entry.rejected:
            group = (str(entry.axis), _value(entry) > 0)
            groups.setdefault(group, []).append((entry, data.study.model(str(entry.model))))
    return [
        {"axis": data.study.axis(axis), "higher": higher, "members": members}
        for (axis, higher), members in groups.items()
    ]


def _axes_by_agreement(
    data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]
) -> dict[bool, list[str]]:
    """Name the axes on which Δ has one sign in all models, and those on which it has not."""
    agree: dict[bool, list[str]] = {True: [], False: []}
    for axis in data.study.axes:
        values = [entry_of(ledger, "delta", level, m, axis).value for m in models]
        known = [v for v in values if v]
        if len(known) == len(models) > 1:
            agree[all(v > 0 for v in known) or all(v < 0 for v in known)].append(axis.name)
    return agree


def _published_part(data: StudyData, ledger: Ledger, models: Sequence[Model]) -> dict[str, Any]:
    base = [m for m in models if m.tuning == "base"]
    instruct = [m for m in models if m.tuning == "instruct"]
    shared = {m.family for m in base} & {m.family for m in instruct}
    part = _part(data, ledger, "published", models)
    untested = [
        f"{data.study.axis(str(e.axis)).name} in {data.study.model(str(e.model)).name}"
        for e in part["contrasts"] if e.value is not None and e.p is None
    ]  # fmt: skip
    repeated = [
        found["axis"].name for found in part["findings"]
        if len(found["members"]) == len(models) > 1
    ]  # fmt: skip
    return part | {
        "untested": untested, "repeated": repeated, "cohort_unit": unit_of(data, "published"),
        "base": base, "instruct": instruct, "confounded": bool(base and instruct and not shared),
    }  # fmt: skip


def _measured_part(data: StudyData, ledger: Ledger, group: Calibrated) -> dict[str, Any]:
    """Add what captures tell beside: lengths, and what holds over models."""
    level = group.cohort.key
    part = _part(data, ledger, level, group.shown)
    kept = {(e.model, e.axis) for e in part["contrasts"] if e.rejected}
    about = {"experiment": SLUG, "evidence": data.evidence, "cohort": level}
    longer = ledger.select(quantity="tokens", **about)
    followed = [e for e in ledger.select(quantity="length-rho", **about) if e.value is not None]
    replicated = ledger.select(quantity="replication", **about)
    tuning = ledger.select(quantity="tuning", **about)
    return part | {
        "cohort": group.cohort,
        "poles": name(data, level, "poles") if is_bounded(ledger, part["contrasts"]) else "",
        "bounded": sum(ledger.set_of(e) is not None for e in part["contrasts"]),
        "open": sum(e.reason is Reason.NOT_IDENTIFIED for e in part["contrasts"]),
        "without": [m for m in group.models if m not in group.shown],
        "brief": len(part["survivors"]) > _SENTENCES,
        "paired": all(c.paired for c in group.contrasts.values()),
        "unpaired": [
            (model, axes) for model in group.shown
            if (axes := [a.name for a in data.study.axes
                         if (c := group.contrasts.get((model.key, a.key))) and not c.paired])
        ],
        "lengths": name(data, level, "lengths"),
        "censored": sum(c.censored for c in group.contrasts.values()),
        "compared": len(group.contrasts),
        "longer": sum(bool(e.rejected) for e in longer),
        "longer_kept": sum(bool(e.rejected) for e in longer if (e.model, e.axis) in kept),
        "followed": (min(followed, key=_value), max(followed, key=_value)) if followed else None,
        "replicated": [(e, data.study.axis(str(e.axis))) for e in replicated if e.rejected],
        "replication": name(data, level, "replication") if replicated else "",
        "tuned": [(e, data.study.axis(str(e.axis))) for e in tuning if e.rejected],
        "tuning": name(data, level, "tuning") if tuning else "",
        "pairs": tuning_pairs(group),
        "unknown": {
            what: {
                "open": sum(e.reason is Reason.NOT_IDENTIFIED for e in found),
                "tested": sum(e.p is not None for e in found),
                "all": len(found),
            }
            for what, found in (("replication", replicated), ("tuning", tuning))
        },
    }  # fmt: skip


def _value(entry: Entry) -> float:
    return 0.0 if entry.value is None else entry.value


def _figure(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Figure:
    panels = [_panel(data, ledger, level, model) for model in models]
    survivors = [e for e in _contrasts(data, ledger, level, models) if e.rejected]
    bars = "" if level == "published" else f", {data.ci_name}"

    bounded = any(row.has_sets for panel in panels for row in panel.rows)
    sets = (
        " Broad bars: the sets in which the means of the whole distributions and their difference "
        "lie; Δ is then the smallest that they allow, where they fix its sign."
        if bounded
        else ""
    )

    def draw(canvas: Canvas) -> None:
        plots.draw(canvas, panels, f"Δ (nats){bars}")

    return Figure(
        name(data, level),
        figure_file(data, "exp4_calibration_entropy", level),
        f"Entropy by pole. Left: mean entropy under the positive and the negative pole. "
        f"Right: their difference Δ, positive minus negative{bars}; solid where it survives "
        f"correction.{sets}",
        f"Two plots for {listing([m.name for m in models])}, one row an axis: pole means "
        f"as two triangles{' with their sets as bars' * bounded}, and the difference as a dot. "
        f"{_seen(data, survivors)}",
        (figures.WIDTH, plots.height(panels)), draw,
    )  # fmt: skip


def _seen(data: StudyData, survivors: Sequence[Entry]) -> str:
    if not survivors:
        return "No dot is solid."
    by_model: dict[str, list[str]] = {}
    for e in survivors:
        axes = by_model.setdefault(data.study.model(str(e.model)).name, [])
        axes.append(data.study.axis(str(e.axis)).name)
    return f"Solid: {'; '.join(f'{listing(axes)} in {m}' for m, axes in by_model.items())}."


def _panel(data: StudyData, ledger: Ledger, level: str, model: Model) -> plots.Panel:
    rows: list[plots.Row] = []
    for axis in data.study.axes:
        delta, positive, negative = (
            entry_of(ledger, q, level, model, axis) for q in ("delta", "positive", "negative")
        )
        ci = delta.estimate.interval
        rows.append(
            plots.Row(
                axis.name,
                positive.value,
                negative.value,
                delta.value,
                ci and (ci.low, ci.high),
                bool(delta.rejected),
                *(_ends(ledger, entry) for entry in (positive, negative, delta)),
            )
        )
    return plots.Panel(model.name, data.colours[model.key], tuple(rows))


def _ends(ledger: Ledger, entry: Entry) -> tuple[float, float] | None:
    """Return the ends of an entry's set, where it has two."""
    if (ends := ledger.set_of(entry)) is None:
        return None
    low, high = (end.value for end in ends)
    return None if low is None or high is None else (low, high)
