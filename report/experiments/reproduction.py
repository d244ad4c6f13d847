"""Where a model has both levels: what was published beside what its captures give.

A published value and its recomputation are called the same in the ledger but for the ending
``.published``, so that they find each other here; no experiment knows of the comparison. Values
are compared as far as they were printed. One that is not reproduced may be what wrongly cut
answers give (see ``report.experiments.integrity``): then that is the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from report.document.parts import Cell, Section, Stat, Table
from report.document.tables import left, right
from report.experiments import EXPERIMENTS
from report.experiments.base import Analysis, StudyData, entry_id, unit_of
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.ledger.lineage import pick, selector
from stats.outcome import Estimate

SLUG = "reproduction"
TITLE = "Published and recomputed values"


class Verdict(StrEnum):
    """How a published value fared."""

    REPRODUCED = "reproduced"
    WRONG_ROWS = "with the wrong rows"
    DIFFERS = "differs"
    MISSING = "not recomputed"


@dataclass(frozen=True)
class Kind:
    """A quantity that can be published and computed.

    Parameters
    ----------
    name : str
        How a reader calls it.
    recomputed : str
        The quantity of the recomputed entry, where that is called otherwise.
    wrong : str
        The quantity with wrongly cut answers in the section on data integrity, if there is one.
    """

    name: str
    recomputed: str = ""
    wrong: str = ""


KINDS: Mapping[tuple[str, str], Kind] = {
    ("generation", "mean"): Kind("mean entropy", wrong="wrong-mean"),
    ("generation", "sd"): Kind("sd of entropy", wrong="wrong-sd"),
    ("generation", "median"): Kind("median entropy", wrong="wrong-median"),
    ("generation", "tokens"): Kind("tokens"),
    ("layers", "min"): Kind("lowest layer mean"),
    ("layers", "max"): Kind("highest layer mean"),
    ("behaviour", "axis"): Kind("ρ of entropy and axis", wrong="axis-wrong"),
    ("behaviour", "zones"): Kind("dead zones"),
    ("dimension", "effective"): Kind("effective dimension"),
    ("calibration", "positive"): Kind("mean entropy, positive pole", wrong="wrong-positive"),
    ("calibration", "negative"): Kind("mean entropy, negative pole", wrong="wrong-negative"),
    ("calibration", "delta"): Kind(
        "difference of the means", recomputed="mean-difference", wrong="wrong-difference"
    ),
    ("signature", "peak"): Kind("ρ at the peak"),
}
"""What is compared, by experiment and quantity."""
_LAYER = "layer of the peak"


@dataclass(frozen=True)
class Pair:
    """A published number and its recomputation.

    Parameters
    ----------
    published, recomputed : Entry
    wrong : Entry or None
        The same from wrongly cut answers.
    printed : str
        The number as the source prints it.
    aspect : {"estimate", "layer"}
        Which number of the entries it is.
    """

    published: Entry
    recomputed: Entry
    wrong: Entry | None
    printed: str
    aspect: Literal["estimate", "layer"] = "estimate"

    @property
    def id(self) -> str:
        """Id of the entry that holds the difference."""
        return entry_id(SLUG, self.recomputed.id, *([self.aspect] * (self.aspect == "layer")))

    @property
    def name(self) -> str:
        """How a reader calls the quantity."""
        if self.aspect == "layer":
            return _LAYER
        return KINDS[self.published.experiment, self.published.quantity].name

    @property
    def decimals(self) -> int:
        """Number of decimals that were printed."""
        return len(self.printed.partition(".")[2])

    @property
    def shown(self) -> str:
        """The format in which both numbers are shown."""
        return "layer" if self.aspect == "layer" else f"value:{self.decimals}"

    @property
    def verdict(self) -> Verdict:
        """Whether the numbers are the same to the last printed digit."""
        if self.recomputed.value is None:
            return Verdict.MISSING
        text = fmt.show(self.published, self.shown)
        if text == fmt.show(self.recomputed, self.shown):
            return Verdict.REPRODUCED
        wrong = self.wrong is not None and text == fmt.show(self.wrong, self.shown)
        return Verdict.WRONG_ROWS if wrong else Verdict.DIFFERS

    def difference(self) -> Estimate:
        """Subtract the published number from the recomputed one."""
        n, reason = self.recomputed.estimate.n, self.recomputed.estimate.reason
        if reason is not None:
            return Estimate.missing(reason, n)
        ours, theirs = (
            float(entry.layer or 0) if self.aspect == "layer" else entry.value or 0.0
            for entry in (self.recomputed, self.published)
        )
        return Estimate(ours - theirs, n)


def pairs(data: StudyData, entries: Mapping[str, Entry]) -> Iterator[Pair]:
    """Match what a study published with what its captures give.

    Parameters
    ----------
    data : StudyData
    entries : mapping
        Those of the experiments, by id.
    """
    models = {model.key for model in data.study.models}
    for published in entries.values():
        kind = KINDS.get((published.experiment, published.quantity))
        if (
            kind is None or published.evidence != "published" or published.value is None
            or published.model not in models
        ):  # fmt: skip
            continue
        subject = [published.model, *([published.axis] if published.axis else [])]
        quantity = kind.recomputed or published.quantity
        recomputed = entries.get(entry_id(published.experiment, quantity, *subject))
        if recomputed is None:
            continue
        wrong = entries.get(entry_id("integrity", kind.wrong, *subject)) if kind.wrong else None
        printed = _printed(data, published.sources[0])
        yield Pair(published, recomputed, wrong, printed)
        if published.layer is not None:
            yield Pair(published, recomputed, None, str(published.layer), "layer")


def _printed(data: StudyData, source: str) -> str:
    """Return the text of the cell that a published number was read from."""
    table = source.partition(".csv")[0].rpartition("/")[2]
    return pick(data.study.published[table], source)[0]


def analyse(data: StudyData, entries: Mapping[str, Entry]) -> Analysis:
    """Subtract published from recomputed numbers, where a model has both."""
    return Analysis([_entry(data, pair) for pair in pairs(data, entries)])


def _entry(data: StudyData, pair: Pair) -> Entry:
    of, layered = pair.recomputed, pair.aspect == "layer"
    published = pair.published.sources[0]
    return Entry(
        id=pair.id, experiment=SLUG, quantity="difference", evidence=data.evidence,
        cohort=of.cohort, model=of.model, axis=of.axis, estimate=pair.difference(),
        unit="layer" if layered else of.unit, method="recomputed minus published",
        label=f"{_LAYER + ': ' if layered else ''}{pair.published.label}, recomputed "
        "minus published",
        sources=(
            selector("", "ledger", pair.aspect, id=of.id),
            f"{published.rpartition('#')[0]}#layer" if layered else published,
        ),
    )  # fmt: skip


# --- the document -----------------------------------------------------------------------


def present(studies: Sequence[StudyData], ledger: Ledger) -> Section | None:
    """Describe the section of the document; None where no model has both levels."""
    parts: list[dict[str, Any]] = []
    tables: list[Table] = []
    for data in studies:
        if not (found := list(pairs(data, ledger.entries))):
            continue
        overview = _overview(data, found)
        models = dict.fromkeys(str(pair.published.model) for pair in found)
        compared = list(_comparisons(data, found))
        parts.append({
            "study": data.study, "n": len(found), "table": overview.id,
            "tables": [table.id for table in compared],
            "tally": {v.name.lower(): sum(p.verdict is v for p in found) for v in Verdict},
            "models": [data.study.model(key).name for key in models],
            "unit": unit_of(data, found[0].recomputed.cohort),
        })  # fmt: skip
        tables += [overview, *compared]
    return Section(SLUG, TITLE, {"parts": parts}, (), tuple(tables), folder="") if parts else None


def _overview(data: StudyData, found: Sequence[Pair]) -> Table:
    """Count the verdicts by quantity; leave out verdicts that were never given."""
    given = [verdict for verdict in Verdict if any(pair.verdict is verdict for pair in found)]
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(pair.name for pair in found):
        same = [pair for pair in found if pair.name == name]
        known = [pair for pair in same if pair.verdict is not Verdict.MISSING]
        largest = max(known, key=lambda p: abs(p.difference().value or 0.0), default=None)
        rows.append((
            name, str(len(same)), *(str(sum(p.verdict is v for p in same)) for v in given),
            "" if largest is None else Stat(largest.id, f"signed:{largest.decimals}"),
        ))  # fmt: skip
    return Table(
        f"{SLUG}-{data.study.id}",
        "Published values that were computed again from the captures, by verdict: those that "
        "agree to the last printed digit are reproduced. The difference is recomputed minus "
        "published, where it is largest.",
        (left("Quantity"), right("Values"), *(right(v.capitalize()) for v in given),
         right("Largest difference")),
        tuple(rows),
    )  # fmt: skip


def _comparisons(data: StudyData, found: Sequence[Pair]) -> Iterator[Table]:
    """Set published beside recomputed values: those of whole models, then those by axis."""
    whole = [pair for pair in found if pair.published.axis is None]
    if whole:
        order = [model.key for model in data.study.models]
        whole.sort(key=lambda pair: order.index(str(pair.published.model)))
        yield _comparison(data, "models", "Published and recomputed values of whole models", whole)
    for experiment in EXPERIMENTS:
        of = [p for p in found if p.published.axis and p.published.experiment == experiment.SLUG]
        if of:
            title = f"{experiment.TITLE}: published and recomputed values"
            yield _comparison(data, experiment.SLUG, title, of)


def _comparison(data: StudyData, name: str, title: str, found: Sequence[Pair]) -> Table:
    axes = any(pair.published.axis for pair in found)
    kinds = len({pair.name for pair in found}) > 1

    def row(pair: Pair) -> tuple[Cell, ...]:
        gone = pair.recomputed.reason if pair.verdict is Verdict.MISSING else None
        return (
            data.study.model(str(pair.published.model)).label,
            *([data.study.axis(str(pair.published.axis)).name] if axes else []),
            *([pair.name] if kinds else []),
            Stat(pair.published.id, pair.shown), gone or Stat(pair.recomputed.id, pair.shown),
            "" if gone else Stat(pair.id, f"signed:{pair.decimals}"), pair.verdict.value,
        )  # fmt: skip

    return Table(
        f"{SLUG}-{name}-{data.study.id}",
        f"{title}{'' if kinds else f', {found[0].name}'}.",
        (left("Model"), *([left("Axis")] if axes else []), *([left("Quantity")] if kinds else []),
         right("Published"), right("Recomputed"), right("Difference"), left("Verdict")),
        tuple(row(pair) for pair in found),
    )  # fmt: skip
