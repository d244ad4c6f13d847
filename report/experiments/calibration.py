"""Experiment 4: entropy under an instruction for one pole of an axis against the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure as Canvas

from report import figures
from report.document import Cell, Column, Figure, Section, Stat, Table
from report.experiments import calibration_plots as plots
from report.experiments.base import Analysis, StudyData, entry_id
from report.ledger import Entry, Family, Ledger
from report.study import Axis, Model
from report.tables import left, right
from stats.outcome import Estimate, Outcome, Reason

SLUG = "calibration"
TITLE = "Entropy by pole"
RULES = {
    "bh": "the Benjamini–Hochberg correction", "by": "the Benjamini–Yekutieli correction",
    "holm": "Holm's correction", "maxt": "the max-T correction",
}  # fmt: skip


def analyse(data: StudyData) -> Analysis:
    """Compare the poles of every axis in every model that was calibrated."""
    entries: list[Entry] = []
    families: list[Family] = []
    if rows := data.published("calibration"):
        family = poles_family(data, "published")
        entries += _published(data, rows, family.id)
        families.append(family)
    return Analysis(entries, families)


def poles_family(data: StudyData, level: str) -> Family:
    """Declare the family of all contrasts of one level."""
    return Family(
        entry_id(SLUG, "poles", data.study.id, level),
        "Entropy under the positive against the negative pole, all models and axes",
        data.plan.decision,
        data.plan.alpha,
    )


# --- published numbers ------------------------------------------------------------------


def published_models(data: StudyData) -> tuple[Model, ...]:
    """Return the models that the published table lists."""
    listed = {row["model"] for row in data.published("calibration")}
    return tuple(m for m in data.study.models if m.key in listed)


def _published(data: StudyData, rows: Sequence[Mapping[str, str]], family: str) -> Iterator[Entry]:
    """Read pole means, difference and p; no interval, since no spread is published."""
    found = {(row["model"], row["axis"]): row for row in rows}
    n = 2 * data.study.n_questions
    for model in published_models(data):
        for axis in data.study.axes:
            row = found.get((model.key, axis.key), {})
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
                    estimate=Estimate(float(text), size) if text
                    else Estimate.missing(Reason.PUBLISHED_NAN, size),
                    outcome=_published_test(row, n) if tested else None,
                    method="difference of pole means, as published" if tested
                    else "mean over answers, as published",
                    label=_label(quantity, model, axis),
                    sources=tuple(
                        data.source("published/calibration", c, model=model.key, axis=axis.key)
                        for c in columns
                    ),
                )  # fmt: skip


def _published_test(row: Mapping[str, str], n: int) -> Outcome:
    """Take the published p; where only a bound is given, the bound, which is conservative."""
    method = "test as published, not named"
    if not row.get("p"):
        return Outcome.missing(method, Reason.PUBLISHED_NAN, n)
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
            tables.append(_contrast_table(data, ledger, "published", models))
            shown.append(_figure(data, ledger, "published", models))
    return Section(SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables))


def _name(data: StudyData, level: str, *parts: str) -> str:
    return entry_id(SLUG, *parts, data.study.id, level).replace(".", "-")


def _entry(ledger: Ledger, quantity: str, level: str, model: Model, axis: Axis) -> Entry:
    suffix = ("published",) if level == "published" else ()
    return ledger[entry_id(SLUG, quantity, model.key, axis.key, *suffix)]


def _cell(entry: Entry, kind: str) -> Cell:
    return entry.reason or Stat(entry.id, kind)


def _contrast_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    family = ledger.families[poles_family(data, level).id]
    spread = ("p", "p") if level == "published" else (_ci_header(data), "ci")
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        for axis in data.study.axes:
            delta = _entry(ledger, "delta", level, model, axis)
            poles = [_entry(ledger, q, level, model, axis) for q in ("positive", "negative")]
            rows.append(
                (model.label, axis.name, *(_cell(e, "value") for e in poles),
                 _cell(delta, "signed"), _cell(delta, spread[1]),
                 _cell(delta, f"adjusted:{family.method}"))
            )  # fmt: skip
    how = (
        "Pole means, Δ and p are those of the study; where it gives only a bound for p, the bound "
        "is used."
        if level == "published"
        else "Δ: Hodges–Lehmann estimate, with its interval."
    )
    return Table(
        _name(data, level),
        f"Entropy in nats under the positive and the negative pole of each axis. {how} The last "
        f"column is p after {RULES[family.method]}.",
        (left("Model"), left("Axis"), right("Positive"), right("Negative"), right("Δ"),
         right(spread[0]), right("adjusted p")),
        tuple(rows),
    )  # fmt: skip


def _ci_header(data: StudyData) -> str:
    return f"{data.plan.ci_level * 100:g}% CI"


def _contrasts(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> list[Entry]:
    return [_entry(ledger, "delta", level, m, a) for m in models for a in data.study.axes]


def _part(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> dict[str, Any]:
    """Collect what both levels say: what survives, in which model, and what is missing."""
    family = ledger.families[poles_family(data, level).id]
    contrasts = _contrasts(data, ledger, level, models)
    missing: dict[str, list[str]] = {}
    for entry in contrasts:
        if entry.reason:
            missing.setdefault(str(entry.model), []).append(data.study.axis(str(entry.axis)).name)
    return {
        "study": data.study, "level": level, "family": family, "models": models,
        "rule": RULES[family.method], "table": _name(data, level), "figure": _name(data, level),
        "contrasts": contrasts,
        "survivors": [(e, data.study.model(str(e.model)), data.study.axis(str(e.axis)))
                      for e in contrasts if e.rejected],
        "missing": [(data.study.model(model).name, axes) for model, axes in missing.items()],
        "agree": _axes_by_agreement(data, ledger, level, models),
    }  # fmt: skip


def _axes_by_agreement(
    data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]
) -> dict[bool, list[str]]:
    """Name the axes on which Δ has one sign in all models, and those on which it has not."""
    agree: dict[bool, list[str]] = {True: [], False: []}
    for axis in data.study.axes:
        values = [_entry(ledger, "delta", level, m, axis).value for m in models]
        known = [v for v in values if v]
        if len(known) == len(models) > 1:
            agree[all(v > 0 for v in known) or all(v < 0 for v in known)].append(axis.name)
    return agree


def _published_part(data: StudyData, ledger: Ledger, models: Sequence[Model]) -> dict[str, Any]:
    base = [m for m in models if m.tuning == "base"]
    instruct = [m for m in models if m.tuning == "instruct"]
    shared = {m.family for m in base} & {m.family for m in instruct}
    return _part(data, ledger, "published", models) | {
        "base": base, "instruct": instruct, "confounded": bool(base and instruct and not shared),
    }  # fmt: skip


def _figure(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Figure:
    panels = [_panel(data, ledger, level, model) for model in models]
    survivors = [e for e in _contrasts(data, ledger, level, models) if e.rejected]
    bars = "" if level == "published" else f", with {_ci_header(data)}s"

    def draw(canvas: Canvas) -> None:
        plots.draw(canvas, panels, f"Δ = positive − negative (nats){bars}")

    return Figure(
        _name(data, level),
        f"{data.study.id}/exp4_calibration_entropy" + ("_published" * (level == "published")),
        f"Entropy by pole. Left: mean entropy under the positive and the negative pole. "
        f"Right: their difference Δ{bars}; solid where it survives correction.",
        f"Two plots for each of {', '.join(m.name for m in models)}, one row an axis: pole means "
        f"as two triangles, and the difference as a dot. {_seen(data, survivors)}",
        (figures.WIDTH, plots.height(panels)), draw,
    )  # fmt: skip


def _seen(data: StudyData, survivors: Sequence[Entry]) -> str:
    if not survivors:
        return "No dot is solid."
    names = [
        f"{data.study.axis(str(e.axis)).name} in {data.study.model(str(e.model)).name}"
        for e in survivors
    ]
    return f"Solid: {'; '.join(names)}."


def _panel(data: StudyData, ledger: Ledger, level: str, model: Model) -> plots.Panel:
    rows: list[plots.Row] = []
    for axis in data.study.axes:
        delta, positive, negative = (
            _entry(ledger, q, level, model, axis) for q in ("delta", "positive", "negative")
        )
        ci = delta.estimate.interval
        rows.append(
            plots.Row(axis.name, positive.value, negative.value, delta.value,
                      ci and (ci.low, ci.high), bool(delta.rejected))
        )  # fmt: skip
    return plots.Panel(model.name, data.colours[model.key], tuple(rows))
