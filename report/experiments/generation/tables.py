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
    bounded = level != "published" and any(
        entry_id(SLUG, "entropy-low", m.key) in ledger for m in models
    )
    for model in models:

        def cell(quantity: str, kind: str = "value", model: Model = model) -> Cell:
            found = ledger.get(entry_id(SLUG, quantity, model.key, *suffix(level)))
            if found is not None:
                return found.why_no(kind) or Stat(found.id, kind)
            # Where a model has no mean, its other numbers are not even tried.
            mean = ledger[entry_id(SLUG, "mean", model.key, *suffix(level))]
            return mean.reason or Reason.NOT_PUBLISHED

        if not bounded:
            rows.append(
                (model.name, cell("mean"), cell("mean", "ci"), cell("sd"), cell("median"),
                 cell("tokens"), *(() if level == "published" else (cell("longest"),)),
                 cell("mean", "n"))
            )  # fmt: skip
            continue
        open_ = entry_id(SLUG, "entropy-low", model.key) in ledger
        top = "top-k-" if open_ else ""
        low, high = ("entropy-low", "entropy-high") if open_ else ("mean", "mean")
        rows.append(
            (model.name, cell(f"{top}mean"), cell(f"{top}mean", "ci"),
             cell(low), cell(high), cell(low, "ci"), cell("tokens"), cell("longest"),
             cell(f"{top}mean", "n"))
        )  # fmt: skip
    if bounded:
        return _bounded_table(data, level, rows)
    how = (
        "t interval from the published mean and sd"
        if level == "published"
        else "studentised bootstrap"
    )
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


def _bounded_table(data: StudyData, level: str, rows: Sequence[tuple[Cell, ...]]) -> Table:
    return Table(
        label_of(data.study.id, level),
        "Entropy in nats where the stored candidates leave probability out. Top-k: mean entropy of "
        f"the stored candidates, renormalised, with {data.ci_words} (studentised bootstrap); "
        "comparable only at equal k. Low and high: the identified set, in which the mean entropy "
        f"of the whole distribution lies, with the {data.ci_words} of Imbens and Manski. "
        "Longest: share of answers of exactly the largest number of tokens.",
        (left(unit_of(data, level).capitalize()), right("Top-k"), right(data.ci_name), right("Low"),
         right("High"), right(f"{data.ci_name}, set"), right("Tokens"), right("Longest"),
         right("Questions")),
        tuple(rows),
    )  # fmt: skip


def sensitivity_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """Set other ways of averaging beside the mean."""
    quantities = ("mean", "token-weighted", "mass", "slope", "autocorrelation")

    def cell(quantity: str, model: Model) -> Cell:
        found = ledger.get(entry_id(SLUG, quantity, model.key))
        if quantity == "mean":
            found = ledger.get(entry_id(SLUG, "top-k-mean", model.key)) or found
        if found is None:
            return ledger[entry_id(SLUG, "mean", model.key)].reason or Reason.TOO_FEW
        return found.reason or Stat(found.id, "value")

    rows = tuple((m.name, *(cell(q, m) for q in quantities)) for m in subject.models)
    complete = all(b.is_complete for b in subject.baselines)
    stored = (
        "" if complete else " Where the stored candidates leave mass out, entropies are theirs."
    )
    return Table(
        label_of("sensitivity", data.study.id, subject.cohort.key),
        "Does the way of averaging matter? Mean over questions beside the mean over tokens "
        "(nats), "
        "the stored probability mass, and how token entropy changes within an answer: slope "
        f"(nats per token) and autocorrelation at lag 1.{stored}",
        (
            left(subject.cohort.unit.capitalize()),
            right("By question"),
            right("By token"),
            right("Mass"),
            right("Slope"),
            right("Autocorrelation"),
        ),
        rows,
    )


def repeats_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """Count answers where questions have several, and say how alike these are."""

    def cell(quantity: str, model: Model) -> Cell:
        found = ledger.get(entry_id(SLUG, quantity, model.key))
        return Reason.TOO_FEW if found is None else found.reason or Stat(found.id, "value")

    repeated = [m for m, b in subject.members() if b.repeated]
    return Table(
        label_of("repeats", data.study.id, subject.cohort.key),
        "Several answers to one question. Within: variance of the entropy between the answers to "
        "one question, mean over the questions with several (square nats). ICC: intraclass "
        "correlation of these answers, the share of the variance that lies between questions.",
        (left(subject.cohort.unit.capitalize()), right("Answers"), right("Questions"),
         right("Within"), right("ICC")),
        tuple(
            (m.name, cell("answers", m), Stat(entry_id(SLUG, "answers", m.key), "n"),
             cell("within", m), cell("intraclass", m))
            for m in repeated
        ),
    )  # fmt: skip


def pairs_of(ledger: Ledger, family: str) -> list[Entry]:
    """Return the differences of all pairs."""
    return [ledger[name] for name in ledger.families[family].members]


def pairs_table(data: StudyData, ledger: Ledger, subject: Subject) -> Table:
    """Compare all pairs of models on their common questions, a row a pair."""
    family = pairs_family(data, subject.cohort.key)
    bounded = any(e.id.replace(".difference.", ".difference-low.") in ledger
                  for e in pairs_of(ledger, family.id))  # fmt: skip
    how = (
        " Low and high bound the difference in mean entropy of the whole distributions; where they "
        "leave its sign open, nothing is estimated or tested, and else the smallest "
        "differences that they allow are." if bounded else ""
    )  # fmt: skip

    sides = (right("Low"), right("High")) if bounded else ()

    def row(entry: Entry) -> tuple[Cell, ...]:
        size = ledger[entry.id.replace(".difference.", ".rank-biserial.")]

        def cell(entry: Entry, kind: str) -> Cell:
            tested = kind == "p" or kind.startswith("adjusted")
            missing = entry.why_no(kind) if tested or kind == "ci" else entry.estimate.reason
            return missing or Stat(entry.id, kind)

        first, second = (data.study.model(key).label for key in str(entry.model).split())
        ends = [
            ledger.get(entry.id.replace(".difference.", f".difference-{end}."))
            for end in ("low", "high")
        ]
        known = [end or entry for end in ends]
        the_set = (cell(known[0], "signed"), cell(known[1], "signed")) if bounded else ()
        return (
            f"{first} − {second}", *the_set, cell(entry, "signed"), cell(entry, "ci"),
            cell(size, "value"), cell(entry, "p"), cell(entry, f"adjusted:{family.method}"),
        )  # fmt: skip

    return Table(
        label_of("pairs", data.study.id, subject.cohort.key),
        f"All pairs of {subject.cohort.unit}s, on the questions that both answered: the "
        "Hodges–Lehmann estimate of the difference in generation entropy (nats), the "
        "matched-pairs rank-biserial correlation as size of effect, and *p* of Wilcoxon's "
        f"signed-rank test, also adjusted for all pairs ({fmt.RULES[family.method]}).{how}",
        (left("Pair"), *sides, right("Difference"), right(data.ci_name), right("Rank-biserial"),
         right("*p*"), right("*p*, adjusted")),
        tuple(row(e) for e in pairs_of(ledger, family.id)),
    )  # fmt: skip
