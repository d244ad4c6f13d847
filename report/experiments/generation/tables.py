"""The tables of experiment 1."""

from __future__ import annotations

from collections.abc import Sequence

from report.document.parts import Cell, Stat, Table
from report.document.tables import left, right
from report.experiments.base import StudyData, Subject, entry_id, unit_of
from report.experiments.generation.numbers import SLUG, pairs_family
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.study import Model
from stats.outcome import Reason


def label_of(*parts: str) -> str:
    """Name a table or a figure."""
    return entry_id(SLUG, *parts).replace(".", "-")


def suffix(level: str) -> tuple[str, ...]:
    """Return what ids at this level end with."""
    return ("published",) if level == "published" else ()


def summary_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    """List the mean entropy of each model."""
    rows: list[tuple[Cell, ...]] = []
    for model in models:

        def cell(quantity: str, kind: str = "value", model: Model = model) -> Cell:
            found = ledger.get(entry_id(SLUG, quantity, model.key, *suffix(level)))
            if found is not None:
                return found.why_no(kind) or Stat(found.id, kind)
            # Where a model has no mean, its other numbers are not even tried.
            mean = ledger[entry_id(SLUG, "mean", model.key, *suffix(level))]
            return mean.reason or Reason.NOT_PUBLISHED

        rows.append(
            (model.name, cell("mean"), cell("mean", "ci"), cell("sd"), cell("median"),
             cell("tokens"), *(() if level == "published" else (cell("longest"),)),
             cell("mean", "n"))
        )  # fmt: skip
    how = "t interval from the published mean and sd" if level == "published" else "BCa bootstrap"
    longest = "" if level == "published" else (
        " Longest: share of answers of exactly the largest number of tokens; where that is many, "
        "they end at the limit of generation."
    )  # fmt: skip
    return Table(
        label_of(data.study.id, level),
        f"Generation entropy in nats. CI: {data.ci_words} of the mean ({how}); "
        f"sd and median are over questions.{longest}",
        (left(unit_of(data, level).capitalize()), right("Mean"), right(data.ci_name), right("sd"),
         right("Median"), right("Tokens"), *((right("Longest"),) if longest else ()),
         right("Questions")),
        tuple(rows),
    )  # fmt: skip


def sensitivity_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """Set other ways of averaging beside the mean."""
    quantities = ("mean", "token-weighted", "mass", "slope", "autocorrelation")

    def cell(quantity: str, model: Model) -> Cell:
        found = ledger.get(entry_id(SLUG, quantity, model.key))
        if found is None:
            return ledger[entry_id(SLUG, "mean", model.key)].reason or Reason.TOO_FEW
        return found.reason or Stat(found.id, "value")

    rows = tuple((m.name, *(cell(q, m) for q in quantities)) for m in subject.models)
    return Table(
        label_of("sensitivity", data.study.id, subject.cohort.key),
        "Does the way of averaging matter? Mean over questions beside the mean over tokens (nats), "
        "the stored probability mass, and how token entropy changes within an answer: slope "
        "(nats per token) and autocorrelation at lag 1.",
        (left(subject.cohort.unit.capitalize()), right("By question"), right("By token"),
         right("Mass"), right("Slope"), right("Autocorrelation")),
        rows,
    )  # fmt: skip


def pairs_of(ledger: Ledger, family: str) -> list[Entry]:
    """Return the differences of all pairs."""
    return [ledger[name] for name in ledger.families[family].members]


def pairs_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """Compare all pairs of models on their common questions, a row a pair."""
    family = pairs_family(data, subject.cohort.key)

    def row(entry: Entry) -> tuple[Cell, ...]:
        size = ledger[entry.id.replace(".difference.", ".rank-biserial.")]

        def cell(entry: Entry, kind: str) -> Cell:
            tested = kind == "p" or kind.startswith("adjusted")
            missing = entry.why_no(kind) if tested or kind == "ci" else entry.estimate.reason
            return missing or Stat(entry.id, kind)

        first, second = (data.study.model(key).label for key in str(entry.model).split())
        return (
            f"{first} − {second}", cell(entry, "signed"), cell(entry, "ci"), cell(size, "value"),
            cell(entry, "p"), cell(entry, f"adjusted:{family.method}"),
        )  # fmt: skip

    return Table(
        label_of("pairs", data.study.id, subject.cohort.key),
        f"All pairs of {subject.cohort.unit}s, on the questions that both answered: the "
        "Hodges–Lehmann estimate of the difference in generation entropy (nats), the "
        "matched-pairs rank-biserial correlation as size of effect, and *p* of Wilcoxon's "
        f"signed-rank test, also adjusted for all pairs ({fmt.RULES[family.method]}).",
        (left("Pair"), right("Difference"), right(data.ci_name), right("Rank-biserial"),
         right("*p*"), right("*p*, adjusted")),
        tuple(row(e) for e in pairs_of(ledger, family.id)),
    )  # fmt: skip
