"""The appendix: every statistic as a row, in words for the screen and in codes for paper.

What a cell says is made here, for the templates that print it. `verify` tells it apart from this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase

from report.document.fill import decision
from report.document.intervals import disputed
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger, was_tested
from report.study.study import Study
from stats.outcome import Reason

_SURVIVES = {
    "survives": "yes", "does not survive": "no", "outside a family": "single",
    "described": "described",
}  # fmt: skip


def numbers(entry: Entry, ledger: Ledger) -> dict[str, str]:
    """Return the numbers of an entry's row, by `header_key` of their column."""
    family = ledger.families.get(entry.family) if entry.p is not None else None
    return {
        "n": fmt.show(entry, "n"),
        "estimate": fmt.show(entry, "value"),
        "ci": fmt.show(entry, "ci:marked" if disputed(entry) else "ci"),
        "p": fmt.show(entry, "p"),
        "floor": fmt.show(entry, "floor"),
        "adjustedp": fmt.show(entry, f"adjusted:{family.method}") if family else fmt.MISSING,
    }


def in_words(entry: Entry, ledger: Ledger) -> dict[str, str]:
    """Return a row for the screen, by column; what names the data is not in it."""
    family = ledger.families.get(entry.family)
    return numbers(entry, ledger) | {
        "statistic": entry.id,
        "what": entry.label,
        "evidence": entry.evidence,
        "method": entry.method,
        "cimethod": _interval_made(entry),
        "pmethod": entry.outcome.method if entry.outcome else fmt.MISSING,
        "family": family.id if family else fmt.MISSING,
        "m": str(family.m) if family else fmt.MISSING,
        "decision": decision(entry),
    }


def _interval_method(entry: Entry) -> str:
    """Name the interval's method and, if it is not the usual one, its level."""
    interval = entry.estimate.interval
    if interval is None:
        return ""
    return f"{fmt.level(entry)} {interval.method}"


def _interval_made(entry: Entry) -> str:
    """Say how the interval was made and what stood in its way, or why there is none."""
    interval, why = entry.estimate.interval, entry.estimate.no_interval
    if interval is None:
        return f"none: {why.sentence}" if why else fmt.MISSING
    undefined = fmt.undefined(interval.undefined_share)
    reasons = "; ".join(filter(None, (interval.note, undefined and f"undefined: {undefined}")))
    return _interval_method(entry) + (f" ({reasons})" if reasons else "")


@dataclass(frozen=True)
class Codes:
    """Short codes for the words that rows of a printed table repeat.

    Parameters
    ----------
    ledger : Ledger
        The codes count the methods, intervals, reasons and families in its order.
    """

    ledger: Ledger

    @cached_property
    def evidence(self) -> Mapping[str, str]:
        """First letter by level of evidence."""
        return {e.evidence: e.evidence[0] for e in self.ledger}

    @cached_property
    def estimates(self) -> Mapping[str, str]:
        """Number by method of the estimate."""
        return _numbered("", (e.method for e in self.ledger))

    @cached_property
    def intervals(self) -> Mapping[str, str]:
        """``C1``, … by level and method of the interval."""
        return _numbered("C", (_interval_method(e) for e in self.ledger))

    @cached_property
    def tests(self) -> Mapping[str, str]:
        """``T1``, … by test."""
        return _numbered("T", (e.outcome.method for e in self.ledger if e.outcome))

    @cached_property
    def reasons(self) -> Mapping[Reason, str]:
        """Letter by reason why a number is missing."""
        used = dict.fromkeys(r for e in self.ledger for r in (e.reason, e.estimate.no_interval))
        return {r: ascii_lowercase[i] for i, r in enumerate(r for r in used if r is not None)}

    @cached_property
    def families(self) -> Mapping[str, str]:
        """``F1``, … by id of the family."""
        return _numbered("F", self.ledger.families)

    def _interval(self, entry: Entry) -> str:
        """Return the code of an interval with its share of undefined resamples, or of none."""
        interval, why = entry.estimate.interval, entry.estimate.no_interval
        if interval is None:
            return f"no CI ({self.reasons[why]})" if why else ""
        undefined = fmt.undefined(interval.undefined_share)
        code = self.intervals[_interval_method(entry)]
        return f"{code} (u {undefined})" if undefined else code

    def row(self, entry: Entry) -> dict[str, str]:
        """Return an entry's row for paper, by column."""
        methods = [
            self.estimates[entry.method],
            self._interval(entry),
            self.tests[entry.outcome.method] if entry.outcome else "",
        ]
        reason = entry.reason
        return numbers(entry, self.ledger) | {
            "ev.": self.evidence[entry.evidence],
            "family": self.families.get(entry.family, fmt.MISSING),
            "survives": f"missing ({self.reasons[reason]})" if reason else
            _SURVIVES[decision(entry)],
            "methods": " ".join(filter(None, methods)),
        }  # fmt: skip


def _numbered(letter: str, names: Iterable[str]) -> dict[str, str]:
    distinct = dict.fromkeys(name for name in names if name)
    return {name: f"{letter}{i}" for i, name in enumerate(distinct, start=1)}


class Appendix:
    """What the templates of the appendix ask for.

    Parameters
    ----------
    ledger : Ledger
    studies : sequence of Study
        Their models, axes and cohorts give the rows names.
    mentions : mapping
        By anchor, the ids of the places in the text that quote it.
    """

    def __init__(
        self, ledger: Ledger, studies: Sequence[Study], mentions: Mapping[str, Sequence[str]]
    ) -> None:
        self.codes = Codes(ledger)
        self._ledger, self._mentions = ledger, mentions
        self._models = {m.key: m.name for study in studies for m in study.models}
        self._axes = {a.key: a.name for study in studies for a in study.axes}
        self._data = {c.key: study.id for study in studies for c in study.cohorts}

    def words(self, entry: Entry) -> dict[str, str]:
        """Return a row for the screen, with the names of what it is about."""
        models = (entry.model or "").split()
        return in_words(entry, self._ledger) | {
            "data": self._data.get(entry.cohort, entry.cohort),
            "model": " and ".join(self._models.get(m, m) for m in models) or fmt.MISSING,
            "axis": self._axes.get(entry.axis or "", entry.axis or fmt.MISSING),
        }

    @staticmethod
    def order(value: float | None) -> str:
        """Return the attribute of a cell by which its column is sorted; empty where none is."""
        return ' data-order=""' if value is None else f' data-order="{float(value)!r}"'

    def mentions(self, entry: Entry) -> Sequence[str]:
        """Return the ids of the places in the text that quote an entry."""
        return self._mentions.get(entry.anchor, ())

    def groups(self, family: Family) -> list[tuple[str, Sequence[Entry]]]:
        """Group all members of a family by what became of them, in words."""
        groups: dict[str, list[Entry]] = {}
        for entry in (self._ledger[name] for name in family.members):
            if entry.reason is Reason.NOT_PUBLISHED:
                title = "Not published, p taken as one"
            elif was_tested(entry):
                title = "Not readable in the published table, p taken as one"
            elif entry.reason is not None:
                sentence = entry.reason.sentence.rstrip(".")
                title = f"Not estimable: {sentence[0].lower()}{sentence[1:]}"
            else:
                title = (
                    f"Survive {fmt.RULES[family.method]}" if entry.rejected else "Do not survive"
                )
            groups.setdefault(title, []).append(entry)
        return sorted(groups.items(), key=lambda group: not group[0].startswith("Survive"))

    def shared(self, family: Family) -> str:
        """Return what the ids of a family's members begin with, up to a dot."""
        parts = [name.split(".") for name in family.members]
        count = 0
        while len({tuple(p[: count + 1]) for p in parts}) == 1 and len(parts[0]) > count + 1:
            count += 1
        return ".".join(parts[0][:count]) + "." if count else ""
