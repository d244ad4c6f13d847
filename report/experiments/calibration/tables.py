"""Tables of experiment 4, and the names that its parts share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.capture.features import POLES
from report.document.parts import Cell, Stat, Table
from report.document.tables import left, right
from report.experiments.base import StudyData, entry_id
from report.experiments.calibration.contrasts import SLUG, Calibrated
from report.ledger.ledger import Entry, Ledger
from report.study.study import Axis, Model

RULES = {
    "bh": "the Benjamini–Hochberg correction", "by": "the Benjamini–Yekutieli correction",
    "holm": "Holm's correction",
}  # fmt: skip


def name(data: StudyData, level: str, *parts: str) -> str:
    """Name a table or figure of one level: a cohort's key or ``"published"``."""
    return entry_id(SLUG, *parts, data.study.id, level).replace(".", "-")


def family_id(data: StudyData, what: str, level: str) -> str:
    """Make the id of a family of one level."""
    return entry_id(SLUG, what, data.study.id, level)


def entry_of(ledger: Ledger, quantity: str, level: str, model: Model, axis: Axis) -> Entry:
    """Return the entry of one model and axis."""
    suffix = ("published",) if level == "published" else ()
    return ledger[entry_id(SLUG, quantity, model.key, axis.key, *suffix)]


def _cell(entry: Entry, kind: str) -> Cell:
    described = kind in ("value", "signed")
    return (entry.estimate.reason if described else entry.why_no(kind)) or Stat(entry.id, kind)


def is_bounded(ledger: Ledger, entries: Iterable[Entry]) -> bool:
    """Tell whether the stored candidates leave probability out of one of these contrasts."""
    return any(ledger.set_of(entry) for entry in entries)


def contrast_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    """Describe pole means, Δ and the decision, one row a model and axis."""
    rule = ledger.families[family_id(data, "poles", level)].method
    deltas = [entry_of(ledger, "delta", level, m, a) for m in models for a in data.study.axes]
    if is_bounded(ledger, deltas):
        return _bounded_table(data, ledger, level, deltas, rule)
    spread = ("p", "p") if level == "published" else (data.ci_name, "ci")
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        for axis in data.study.axes:
            delta = entry_of(ledger, "delta", level, model, axis)
            poles = [entry_of(ledger, q, level, model, axis) for q in POLES]
            rows.append(
                (
                    model.label,
                    axis.name,
                    *(_cell(e, "value") for e in poles),
                    _cell(delta, "signed"),
                    _cell(delta, spread[1]),
                    _cell(delta, f"adjusted:{rule}"),
                )
            )
    how = (
        "Pole means, Δ and p are those of the study; where it gives only a bound for p, the bound "
        "is used."
        if level == "published"
        else "Δ: Hodges–Lehmann estimate, with its interval."
    )
    return Table(
        name(data, level),
        f"Entropy in nats under the positive and the negative pole of each axis. {how} The last "
        f"column is p after {RULES[rule]}.",
        (
            left("Model"),
            left("Axis"),
            right("Positive"),
            right("Negative"),
            right("Δ"),
            right(spread[0]),
            right("adjusted p"),
        ),
        tuple(rows),
    )


def _bounded_table(
    data: StudyData, ledger: Ledger, level: str, deltas: Sequence[Entry], rule: str
) -> Table:
    """Describe the sets in which the differences lie, and what they leave of Δ."""

    def row(delta: Entry) -> tuple[Cell, ...]:
        model, axis = data.study.model(str(delta.model)), data.study.axis(str(delta.axis))
        point = entry_of(ledger, "mean-difference", level, model, axis)
        low, high = ledger.set_of(delta) or (point, point)
        return (
            model.label,
            axis.name,
            _cell(low, "signed"),
            _cell(high, "signed"),
            _cell(low, "ci"),
            _cell(delta, "signed"),
            _cell(delta, "ci"),
            _cell(delta, f"adjusted:{rule}"),
        )

    return Table(
        name(data, level),
        "Entropy under the positive minus that under the negative pole (nats), where the stored "
        "candidates leave probability out. Low and high: the identified set, in which the "
        f"difference in mean entropy of the whole distributions lies, with the {data.ci_words} of "
        "Imbens and Manski. Δ: Hodges–Lehmann estimate, with its interval, of the smallest "
        "differences that the bounds allow; where they leave its sign open, nothing is estimated "
        f"or tested. The last column is p after {RULES[rule]}.",
        (
            left("Model"),
            left("Axis"),
            right("Low"),
            right("High"),
            right(f"{data.ci_name}, set"),
            right("Δ"),
            right(data.ci_name),
            right("adjusted p"),
        ),
        tuple(row(delta) for delta in deltas),
    )


def pole_table(data: StudyData, ledger: Ledger, group: Calibrated) -> Table:
    """Describe what is known of the mean entropy under either pole."""
    level = group.cohort.key

    def cells(model: Model, axis: Axis, pole: str) -> tuple[Cell, ...]:
        point = entry_of(ledger, pole, level, model, axis)
        low, high = ledger.set_of(point) or (point, point)
        stored = ledger.get(entry_id(SLUG, f"top-k-{pole}", model.key, axis.key)) or point
        return (_cell(stored, "value"), _cell(low, "value"), _cell(high, "value"))

    return Table(
        name(data, level, "poles"),
        "Mean entropy in nats under either pole. Top-k: of the stored candidates, renormalised, "
        "comparable only at equal k. Low and high: the set in which the mean of the whole "
        "distributions lies.",
        (
            left("Model"),
            left("Axis"),
            *(right(f"{what} {sign}") for sign in "+−" for what in ("Top-k", "Low", "High")),
        ),
        tuple(
            (model.label, axis.name, *(c for pole in POLES for c in cells(model, axis, pole)))
            for model in group.shown
            for axis in data.study.axes
        ),
    )


def length_table(data: StudyData, ledger: Ledger, group: Calibrated) -> Table:
    """Describe effect sizes and what answer length has to do with them."""
    level = group.cohort.key
    rule = ledger.families[family_id(data, "lengths", level)].method
    about = {"experiment": SLUG, "evidence": data.evidence, "cohort": level}
    known = any(e.value is not None for e in ledger.select(quantity="tokens", **about))
    rows: list[tuple[Cell, ...]] = []
    for model in group.shown:
        for axis in data.study.axes:
            effect, tokens, rho = (
                entry_of(ledger, q, level, model, axis)
                for q in ("rank-biserial", "tokens", "length-rho")
            )
            longest = [entry_of(ledger, f"longest-{pole}", level, model, axis) for pole in POLES]
            rows.append(
                (model.label, axis.name, _cell(effect, "value"), _cell(effect, "ci"),
                 *(_cell(e, "value") for e in longest),
                 *((_cell(tokens, "signed"), _cell(tokens, f"adjusted:{rule}")) if known else ()),
                 _cell(rho, "value"))
            )  # fmt: skip
    return Table(
        name(data, level, "lengths"),
        "Size of each contrast, and answer length beside it. Rank-biserial: 1 if entropy is higher "
        "under the positive pole for every question. Longest: share of answers under the positive "
        "and the negative pole that are as long as the capture's longest; where that is many, they "
        "end at the limit of generation. "
        + (f"Δ tokens: difference in length, with its own p after {RULES[rule]}. " if known else "")
        + "ρ: correlation over questions of the difference in entropy with "
        "the difference in length.",
        (left("Model"), left("Axis"), right("Rank-biserial"), right(data.ci_name),
         right("Longest +"), right("Longest −"),
         *((right("Δ tokens"), right("adjusted p")) if known else ()), right("ρ")),
        tuple(rows),
        "" if known else "Lengths cannot be compared: too many answers end at the limit.",
    )  # fmt: skip


def replication_tables(data: StudyData, ledger: Ledger, group: Calibrated) -> list[Table]:
    """Describe what holds over models, as far as there is anything to compare."""
    level = group.cohort.key
    about = {"experiment": SLUG, "evidence": data.evidence, "cohort": level}
    tables: list[Table] = []
    if entries := ledger.select(quantity="replication", **about):
        rule = ledger.families[family_id(data, "replication", level)].method
        rows = [
            (data.study.axis(str(e.axis)).name, Stat(e.id, "n"), Stat(e.id, "signed"),
             Stat(entry_id(SLUG, "agreement", level, str(e.axis)), "value"), Stat(e.id, "p"),
             Stat(e.id, f"adjusted:{rule}"))
            for e in entries
        ]  # fmt: skip
        tables.append(Table(
            name(data, level, "replication"),
            "Does a contrast repeat from model to model? Mean of the models' Δ in nats, share of "
            f"models in which it is positive, Stouffer's combined p, and p after {RULES[rule]}.",
            (left("Axis"), right("Models"), right("Mean Δ"), right("Share positive"), right("p"),
             right("adjusted p")),
            tuple(rows),
        ))  # fmt: skip
    if entries := ledger.select(quantity="tuning", **about):
        rule = ledger.families[family_id(data, "tuning", level)].method
        tables.append(Table(
            name(data, level, "tuning"),
            "Δ of the base model minus Δ of its instruction-tuned sibling, in nats, paired by "
            f"question (Hodges–Lehmann). Last column: p after {RULES[rule]}.",
            (left("Models"), left("Axis"), right("Difference"), right(data.ci_name),
             right("p"), right("adjusted p")),
            tuple(_tuning_row(data, e, rule) for e in entries),
        ))  # fmt: skip
    return tables


def _tuning_row(data: StudyData, entry: Entry, rule: str) -> tuple[Cell, ...]:
    names = [data.study.model(key).label for key in str(entry.model).split()]
    kinds = ("signed", "ci", "p", f"adjusted:{rule}")
    axis = data.study.axis(str(entry.axis)).name
    return (" minus ".join(names), axis, *(_cell(entry, kind) for kind in kinds))
