"""The tables of experiments 3a and 3c, and what their text shares with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report.document.parts import Cell, Stat, Table
from report.document.tables import left, right
from report.experiments.base import StudyData, Subject, entry_id, unit_of
from report.experiments.behaviour.entries import SLUG
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger
from stats.outcome import Reason

_SHOWN = 5
"""Pairs in the table of the strongest, at least."""
_TITLES = {
    "axis": "Entropy and behavioural axes, all pairs of {unit} and axis",
    "partial": "Entropy and behavioural axes given the length of the answer",
    "zones": "Dead zones against entropy and against effective dimension",
    "pooled": "Entropy and behavioural axes, pooled over models",
}


def family_of(data: StudyData, quantity: str, level: str) -> Family:
    """Declare a family at one level: ``"published"`` or a cohort's key."""
    name = entry_id(SLUG, quantity, data.study.id, level)
    title = _TITLES[quantity].format(unit=unit_of(data, level))
    return Family(name, title, data.plan.decision, data.plan.alpha)


def pairs_of(ledger: Ledger, family: str) -> list[Entry]:
    """Return the members of a family that have a p-value, smallest p first."""
    members = [ledger[name] for name in ledger.families[family].members]
    return sorted((e for e in members if e.p is not None), key=lambda e: (e.p or 0.0, e.id))


def survivors(pairs: Sequence[Entry], rule: str, alpha: float) -> list[Entry]:
    """Return the entries that a rule rejects."""
    return [e for e in pairs if rule in e.p_adjusted and e.p_adjusted[rule] <= alpha]


def label_of(data: StudyData, level: str, *quantity: str) -> str:
    """Make the id of a figure or table."""
    return entry_id(SLUG, *quantity, data.study.id, level).replace(".", "-")


def suffix(level: str) -> tuple[str, ...]:
    """Return what ends the ids of a level."""
    return ("published",) if level == "published" else ()


def in_words(data: StudyData, pairs: Sequence[Entry]) -> dict[str, dict[str, str]]:
    """Say in words what each pair is: model, axis, and the pole that higher entropy goes to."""
    named: dict[str, dict[str, str]] = {}
    for e in pairs:
        model, axis = data.study.model(str(e.model)), data.study.axis(str(e.axis))
        pole = axis.positive if (e.value or 0.0) > 0 else axis.negative
        named[e.id] = {"model": model.name, "axis": axis.name, "pole": pole}
    return named


def published_table(data: StudyData, ledger: Ledger) -> Table:
    """List the published correlations."""
    family = ledger.families[family_of(data, "axis", "published").id]
    pairs = pairs_of(ledger, family.id)
    named = in_words(data, pairs)
    rules = (family.method, "bh" if family.method == "holm" else "holm")
    unprinted = family.m - len(pairs)
    left_out = f"; the {unprinted} unprinted ones enter with p = 1" if unprinted > 0 else ""
    rows = tuple(
        (named[e.id]["model"], named[e.id]["axis"], Stat(e.id, "value"),
         e.why_no("ci") or Stat(e.id, "ci"), Stat(e.id, "p"),
         *(Stat(e.id, f"adjusted:{rule}") for rule in rules))
        for e in pairs
    )  # fmt: skip
    return Table(
        label_of(data, "published"),
        "Printed correlations of an answer's entropy with an axis, p by the t approximation. "
        f"Adjusted p counts {fmt.out_of(family.m, family.m, 'test')}{left_out}.",
        (left("Model"), left("Axis"), right("ρ"), right(data.ci_name), right("p"),
         *(right(f"p ({fmt.RULES[rule]})") for rule in rules)),
        rows,
    )  # fmt: skip


def strongest_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """List the pairs with the smallest p-values, and what is left of them given length."""
    key = subject.cohort.key
    family = ledger.families[family_of(data, "axis", key).id]
    pairs = pairs_of(ledger, family.id)
    nominal = sum((e.p or 0.0) <= family.alpha for e in pairs)
    chosen = pairs[: max(nominal, _SHOWN)]
    named = in_words(data, chosen)

    def given_length(e: Entry) -> Cell:
        name = entry_id(SLUG, "partial", str(e.model), str(e.axis))
        return ledger[name].reason or Stat(name, "value")

    def lengths(e: Entry) -> Cell:
        name = entry_id(SLUG, "lengths", str(e.model))
        return Stat(name, "value") if name in ledger else Reason.MISSING_CAPTURE

    def open_order(e: Entry) -> tuple[Cell, ...]:
        share = ledger.open_order(e)
        return () if not bounded else ("0",) if share is None else (Stat(share.id, "value"),)

    bounded = any(ledger.open_order(e) for e in chosen)
    rows = tuple(
        (
            data.study.model(str(e.model)).label,
            named[e.id]["axis"],
            Stat(e.id, "value"),
            *open_order(e),
            e.why_no("ci") or Stat(e.id, "ci"),
            Stat(e.id, "p"),
            Stat(e.id, f"adjusted:{family.method}"),
            given_length(e),
            lengths(e),
        )
        for e in chosen
    )
    return Table(
        label_of(data, key),
        "The pairs with the smallest p-values; all pairs stand in the appendix. CI: bootstrap; "
        "p: permutation of the questions. The last columns: ρ with the length of the answer held "
        "fixed, and how many different lengths there are. With few of them, as where generation "
        "was cut off, little is held fixed."
        + " Open: share of pairs of questions whose order missing probability leaves open."
        * bounded,
        (left(subject.cohort.unit.capitalize()), left("Axis"), right("ρ"),
         *((right("Open"),) if bounded else ()), right(data.ci_name),
         right("p"), right(f"p ({fmt.RULES[family.method]})"), right("ρ given length"),
         right("Lengths")),
        rows,
    )  # fmt: skip


def zone_counts(data: StudyData, ledger: Ledger, level: str) -> list[Entry]:
    """Return the numbers of dead zones at one level, in the study's order."""
    names = (entry_id(SLUG, "zones", m.key, *suffix(level)) for m in data.study.models)
    found = [ledger[name] for name in names if name in ledger]
    return [e for e in found if level in ("published", e.cohort)]


def zones_table(data: StudyData, ledger: Ledger, level: str) -> Table:
    """List entropy, effective dimension and dead zones."""
    unit = next((c.unit for c in data.study.cohorts if c.key == level), "model")

    def cell(experiment: str, quantity: str, model: str) -> Cell:
        name = entry_id(experiment, quantity, model, *suffix(level))
        if name not in ledger:
            return Reason.PUBLISHED_NAN if suffix(level) else Reason.MISSING_CAPTURE
        return ledger[name].reason or Stat(name, "value")

    rows = tuple(
        (data.study.model(str(e.model)).name, cell("generation", "mean", str(e.model)),
         cell("dimension", "effective", str(e.model)), e.reason or Stat(e.id, "value"))
        for e in zone_counts(data, ledger, level)
    )  # fmt: skip
    return Table(
        label_of(data, level, "zones"),
        "Mean generation entropy (nats), effective dimension and number of dead zones.",
        (left(unit.capitalize()), right("Mean entropy"),
         right("Effective dimension"), right("Dead zones")),
        rows,
    )  # fmt: skip


def pooled_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """List each axis pooled over models."""
    family = ledger.families[family_of(data, "pooled", subject.cohort.key).id]
    rows: list[tuple[Cell, ...]] = []
    for name in family.members:
        e = ledger[name]

        def other(quantity: str, kind: str, e: Entry = e) -> Cell:
            of = entry_id(SLUG, quantity, e.cohort, str(e.axis))
            if of not in ledger:
                return e.reason or Reason.TOO_FEW
            return (ledger[of].why_no("ci") if kind == "ci" else None) or Stat(of, kind)

        def own(kind: str, e: Entry = e) -> Cell:
            missing = e.why_no("ci") if kind == "ci" else e.estimate.reason
            return missing or Stat(e.id, kind)

        rows.append(
            (data.study.axis(str(e.axis)).name, own("value"), own("ci"), other("prediction", "ci"),
             other("i2", "value"), own("p"), own(f"adjusted:{family.method}"))
        )  # fmt: skip
    return Table(
        label_of(data, subject.cohort.key, "pooled"),
        "Correlation of entropy and axis pooled over models (random effects on Fisher's z, REML, "
        "Hartung–Knapp). Prediction: where a new model's correlation may lie. I²: share of the "
        "variance that lies between models.",
        (left("Axis"), right("ρ"), right(data.ci_name), right("Prediction"), right("I²"),
         right("p"), right(f"p ({fmt.RULES[family.method]})")),
        tuple(rows),
    )  # fmt: skip


def rules_table(parts: Sequence[Mapping[str, Any]]) -> Table:
    """Count what survives under each rule."""

    def counted(part: Mapping[str, Any], rule: str) -> Cell:
        if rule == "maxt" and part["level"] == "published":
            return fmt.MISSING
        return str(len(part["by_rule"][rule]))

    def title(part: Mapping[str, Any]) -> str:
        return "Published numbers" if part["level"] == "published" else part["cohort"].title

    return Table(
        f"{SLUG}-rules",
        "How many correlations survive under each rule. BH is Benjamini and Hochberg's, BY "
        "Benjamini and Yekutieli's; max-T needs the captures, which the published numbers lack.",
        (left("Tests of"), right("Tests"), right("Uncorrected"),
         *(right(name) for name in fmt.RULES.values())),
        tuple(
            (title(part), fmt.number(part["family"].m, "count"), str(len(part["nominal"])),
             *(counted(part, rule) for rule in fmt.RULES))
            for part in parts
        ),
    )  # fmt: skip
