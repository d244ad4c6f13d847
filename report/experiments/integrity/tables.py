"""The tables of the section on data integrity, and what its text shares with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report.document.parts import Cell, Stat, Table
from report.document.tables import left, right
from report.experiments.base import StudyData, entry_id
from report.experiments.behaviour.tables import family_of, in_words
from report.experiments.integrity.entries import SLUG
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.study import Model

CALIBRATION_FACTS = ("answers", "tokens-per-answer", "tokens-per-prompt", "answers-lost")


def _found(ledger: Ledger, *parts: str) -> Entry | None:
    return ledger.entries.get(entry_id(*parts))


def name_of(data: StudyData, *parts: str) -> str:
    """Make the id of a figure or table."""
    return entry_id(SLUG, *parts, data.study.id).replace(".", "-")


def same_text(published: Entry, other: Entry) -> bool:
    """Tell whether two values are the same as far as the published one is printed."""
    return fmt.show(published, "value") == fmt.show(other, "value")


# --- published numbers ------------------------------------------------------------------


def token_sums(data: StudyData, ledger: Ledger) -> list[tuple[Entry, Entry]]:
    """Pair the published number of tokens with the sum in the JSON, by model."""
    pairs = [
        (_found(ledger, "generation", "tokens", m.key, "published"),
         _found(ledger, SLUG, "tokens-json", m.key, "published"))
        for m in data.study.models
    ]  # fmt: skip
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def recovered_pairs(data: StudyData, ledger: Ledger) -> list[tuple[Entry, Entry]]:
    """Pair each published value with what the digitised plot gives."""
    pairs = [
        (_found(ledger, "generation", quantity, m.key, "published"),
         _found(ledger, SLUG, f"recovered-{quantity}", m.key, "published"))
        for m in data.study.models for quantity in ("mean", "sd", "median")
    ]  # fmt: skip
    pairs += [
        (_found(ledger, "behaviour", "axis", row["model"], row["axis"], "published"),
         _found(ledger, SLUG, "recovered-axis", row["model"], row["axis"], "published"))
        for row in data.published("integrity_axes")
    ]  # fmt: skip
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def published_tables(
    data: StudyData, ledger: Ledger, pairs: Sequence[tuple[Entry, Entry]]
) -> list[Table]:
    """List what the plot gives, and experiment 3a at both numbers of questions."""
    recovered = tuple(
        (data.study.model(str(a.model)).name, a.label.split(" in ")[0].split(" of ")[0],
         Stat(a.id, "value"), Stat(b.id, "value:3"), Stat(b.id, "n"))
        for a, b in recovered_pairs(data, ledger)
    )  # fmt: skip
    return [
        Table(
            name_of(data, "recovered"),
            "Published values, and the same recovered from the study's own plot. The recovered "
            "sd has the divisor n.",
            (left("Model"), left("Quantity"), right("Published"), right("Recovered"),
             right("Questions")),
            recovered,
        ),
        _evidence_table(data, ledger, pairs),
        _rules_table(data, pairs),
    ]  # fmt: skip


def _evidence_table(data: StudyData, ledger: Ledger, pairs: Sequence[tuple[Entry, Entry]]) -> Table:
    rule = ledger.families[family_of(data, "axis", "published").id].method
    named = in_words(data, [a for a, _ in pairs])
    rows = tuple(
        (f"{data.study.model(str(a.model)).label}, {named[a.id]['axis']}", Stat(a.id, "value"),
         Stat(a.id, "p"), Stat(a.id, f"adjusted:{rule}"), Stat(b.id, "n"), Stat(b.id, "p"),
         Stat(b.id, f"adjusted:{rule}"))
        for a, b in pairs
    )  # fmt: skip
    claimed = fmt.listing(sorted({fmt.show(a, "n") for a, _ in pairs}), "or")
    return Table(
        name_of(data, "evidence"),
        f"The published correlations tested at the published number of questions ({claimed}; "
        f"first p and its correction) and at the number n that the evidence supports (second p "
        f"and its correction). Correction: {fmt.RULES[rule]}, over all pairs that were tested.",
        (left("Correlation"), right("ρ"), right("p"), right(f"p ({fmt.RULES[rule]})"), right("n"),
         right("p at n"), right(f"p ({fmt.RULES[rule]}) at n")),
        rows,
    )  # fmt: skip


def _rules_table(data: StudyData, pairs: Sequence[tuple[Entry, Entry]]) -> Table:
    alpha = data.plan.alpha
    rules = [rule for rule in fmt.RULES if rule != "maxt"]

    def row(title: str, entries: Sequence[Entry]) -> tuple[Cell, ...]:
        nominal = sum((e.p or 1.0) <= alpha for e in entries)
        kept = (sum(e.p_adjusted[rule] <= alpha for e in entries) for rule in rules)
        return (title, str(nominal), *(str(k) for k in kept))

    return Table(
        name_of(data, "rules"),
        "How many published correlations survive at either number of questions.",
        (left("Questions"), right("Uncorrected"), *(right(fmt.RULES[rule]) for rule in rules)),
        (row("as published", [a for a, _ in pairs]), row("as supported", [b for _, b in pairs])),
    )  # fmt: skip


# --- captures ---------------------------------------------------------------------------


def measured_tables(data: StudyData, ledger: Ledger, part: Mapping[str, Any]) -> list[Table]:
    """List captures with their boundaries, what changes and problems."""
    made: list[Table] = []
    if part["captures"]:
        made.append(_captures(data, ledger))
    made += [_changes(data, ledger, change) for change in part["changes"] if change["changed"]]
    if part["problems"]:
        made.append(_problems(data, part))
    return made


def _captures(data: StudyData, ledger: Ledger) -> Table:
    rules = {"counts": "token counts", "offsets": "offsets", "": "none"}

    def row(model: Model, boundaries: str, n: int, suffix: str) -> tuple[Cell, ...]:
        def cell(quantity: str, kind: str = "value") -> Cell:
            e = _found(ledger, SLUG, quantity + suffix, model.key)
            return "" if e is None else e.reason or Stat(e.id, kind)

        of = (SLUG, "right-mean" + suffix) if suffix else ("generation", "mean")
        mean = _found(ledger, *of, model.key)
        name = f"{model.label}, calibration" if suffix else model.label
        return (
            name, rules[boundaries], fmt.decimal(n, 0), cell("lost"),
            (mean.reason or Stat(mean.id, "value")) if mean else "", cell("wrong-mean"),
            cell("right-wrong"),
        )  # fmt: skip

    baselines = [
        row(data.study.model(key), b.boundaries, b.n_questions, "")
        for key, b in data.features.baselines.items()
    ]
    calibrations = [
        row(data.study.model(key), c.boundaries, len(c.axis), "-calibration")
        for key, c in data.features.calibrations.items()
    ]
    return Table(
        name_of(data, "slicing"),
        "Which rule gave the boundaries of the answers, and what the stored offsets would have "
        "given: answers lost, mean entropy (nats) with the right and the wrong rows, and the "
        "correlation ρ of right and wrong entropies. Cells are empty where the offsets fit.",
        (left("Capture"), left("Boundaries"), right("Answers"), right("Lost"),
         right("Mean, right"), right("Mean, wrong"), right("ρ")),
        (*baselines, *calibrations),
    )  # fmt: skip


def _changes(data: StudyData, ledger: Ledger, change: Mapping[str, Any]) -> Table:
    rule = ledger.families[family_of(data, "axis", change["cohort"].key).id].method
    rows = tuple(
        (f"{data.study.model(str(a.model)).label}, {data.study.axis(str(a.axis)).name}",
         Stat(a.id, "value"), Stat(a.id, "p"), Stat(a.id, f"adjusted:{rule}"),
         Stat(b.id, "value"), Stat(b.id, "p"), Stat(b.id, f"adjusted:{rule}"))
        for a, b in change["changed"]
    )  # fmt: skip
    return Table(
        change["table"],
        "The correlations of entropy and axis whose significance changes, before or after "
        f"correction ({fmt.RULES[rule]}), when the answers are cut at the wrong rows.",
        (left("Correlation"), right("ρ, right"), right("p"), right(f"p ({fmt.RULES[rule]})"),
         right("ρ, wrong"), right("p"), right(f"p ({fmt.RULES[rule]})")),
        rows,
    )  # fmt: skip


def _problems(data: StudyData, part: Mapping[str, Any]) -> Table:
    rows = tuple(
        (f"{p.file} ({p.field})" if p.field else p.file, p.problem, p.costs or "nothing", p.remedy)
        for p in part["problems"]
    )  # fmt: skip
    return Table(
        part["problems_table"], "What was found wrong with the inputs.",
        (left("File"), left("Problem"), left("Missing because of it"), left("Remedy")), rows,
    )  # fmt: skip
