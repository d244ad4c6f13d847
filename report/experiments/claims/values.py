"""Checks of values: which is largest, of what sign and size, what stands in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from pydantic import Field

from report.experiments.claims.base import Check, Ids, Polarity, has_sign
from report.experiments.claims.evidence import (
    Aspect,
    Evidence,
    Finding,
    Ruling,
    no_number,
    ruling,
    told,
    told_measured,
    told_tested,
    value_of,
    valueless,
    within_bounds,
)
from report.ledger import format as fmt
from report.ledger.ledger import Entry
from report.study.study import Study


class Extreme(Check):
    """The members are the highest, or the lowest, of all that ``of`` names.

    ``size`` compares values without their signs.
    """

    kind: Literal["extreme"]
    which: Literal["highest", "lowest"]
    of: Ids
    members: Ids
    size: bool = False

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return (*self.members, *self.of)

    def _judge(self, evidence: Evidence) -> Ruling:
        members = evidence.entries(self.members)
        if bounded := evidence.bounded([*members, *evidence.entries(self.of)]):
            return within_bounds(bounded, evidence.ledger)
        known = [e for e in members if e.value is not None]
        others = [e for e in evidence.entries(self.of) if e not in members and e.value is not None]
        for member in known:
            beyond = [e for e in others if self._rank(e) > self._rank(member)]
            if beyond:
                where = "above" if self.which == "highest" else "below"
                return ruling(
                    Finding.CONTRADICTED, *told([max(beyond, key=self._rank)]),
                    f" lies {where} ", *told([member]), _in_size(self.size),
                )  # fmt: skip
        if gone := valueless(members):
            return no_number(gone)
        total = fmt.count(len(known) + len(others))
        return ruling(Finding.SUPPORTED, f"{self.which} of {total}: ", *told(known), ".")

    def _rank(self, entry: Entry) -> float:
        value = value_of(entry, self.size)
        return value if self.which == "highest" else -value


def _in_size(size: bool) -> str:
    return " in size." if size else "."


class Order(Check):
    """The entries rise, each strictly above the one before."""

    kind: Literal["order"]
    rising: Ids = Field(min_length=2)
    size: bool = False

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.rising

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = [entry for name in self.rising for entry in evidence.entries([name])]
        if bounded := evidence.bounded(entries):
            return within_bounds(bounded, evidence.ledger)
        if gone := valueless(entries):
            return no_number(gone)
        for lower, upper in pairwise(entries):
            if value_of(lower, self.size) >= value_of(upper, self.size):
                return ruling(
                    Finding.CONTRADICTED, *told([lower]), " does not lie below ", *told([upper]),
                    _in_size(self.size),
                )  # fmt: skip
        return ruling(Finding.SUPPORTED, "In rising order: ", *told(entries), ".")


class Sign(Check):
    """All entries have the sign, and those that are tested are significant with it."""

    kind: Literal["sign"]
    entries: Ids
    sign: Polarity

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        known = [e for e in entries if e.value is not None]
        wrong = [e for e in known if not has_sign(e, self.sign)]
        if settled := [e for e in wrong if e.p is None or evidence.stands(e)]:
            return ruling(Finding.CONTRADICTED, f"Not {self.sign}: ", *told(settled), ".")
        if loose := [e for e in known if e.p is not None and not evidence.stands(e)]:
            found = told_tested(loose, evidence.ledger)
            return ruling(
                Finding.NOT_SUPPORTED, "Not significant, so the sign is open: ", *found, "."
            )
        if gone := valueless(entries):
            return no_number(gone)
        return ruling(Finding.SUPPORTED, f"{self.sign}: ", *told(entries), ".")


class Ratio(Check):
    """One entry is ``value`` times another, give or take ``tolerance``."""

    kind: Literal["ratio"]
    numerator: str
    denominator: str
    value: float
    tolerance: float = Field(gt=0)

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return (self.numerator, self.denominator)

    def _judge(self, evidence: Evidence) -> Ruling:
        (upper,) = evidence.entries([self.numerator])
        (lower,) = evidence.entries([self.denominator])
        if bounded := evidence.bounded([upper, lower]):
            return within_bounds(bounded, evidence.ledger)
        if gone := valueless([upper, lower]):
            return no_number(gone)
        if not value_of(lower):
            return ruling(Finding.NOT_TESTABLE, "Nothing is a multiple of ", *told([lower]), ".")
        ratio = value_of(upper) / value_of(lower)
        holds = abs(ratio - self.value) <= self.tolerance
        return ruling(
            Finding.SUPPORTED if holds else Finding.CONTRADICTED,
            *told([upper]), f" is {fmt.number(ratio, 'ratio')} times ", *told([lower]), ".",
        )  # fmt: skip


class Equals(Check):
    """An entry has the value."""

    kind: Literal["equals"]
    entry: str
    value: float
    tolerance: float = Field(default=1e-9, gt=0)

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return (self.entry,)

    def _judge(self, evidence: Evidence) -> Ruling:
        (entry,) = evidence.entries([self.entry])
        if evidence.bounded([entry]):
            return within_bounds([entry], evidence.ledger)
        if entry.value is None:
            return no_number([entry])
        if abs(entry.value - self.value) <= self.tolerance:
            return ruling(Finding.SUPPORTED, "As said: ", *told([entry]), ".")
        claimed = fmt.number(self.value, entry.unit)
        return ruling(Finding.CONTRADICTED, f"Not {claimed}: ", *told([entry]), ".")


class Between(Check):
    """All entries lie between two ends, both included: by value, by size, or by depth."""

    kind: Literal["between"]
    entries: Ids
    low: float
    high: float
    aspect: Aspect = "value"

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        if bounded := evidence.bounded(entries):
            return within_bounds(bounded, evidence.ledger)
        where = [(e, evidence.measure(e, self.aspect)) for e in entries]
        if outside := [e for e, m in where if m is not None and not self.low <= m <= self.high]:
            found = told_measured(outside, self.aspect, evidence)
            return ruling(Finding.CONTRADICTED, f"{self._outside}: ", *found, ".")
        if gone := [e for e, m in where if m is None]:
            return no_number(gone)
        found = told_measured(entries, self.aspect, evidence)
        return ruling(Finding.SUPPORTED, "As said: ", *found, ".")

    @property
    def _outside(self) -> str:
        if self.aspect == "depth":
            return "Elsewhere"
        return f"Not {self.low:g}" + (f" to {self.high:g}" if self.high > self.low else "")


class Cell(Check):
    """A column of a published table has the value in all rows that ``where`` describes."""

    kind: Literal["cell"]
    table: str
    column: str
    value: str
    where: Mapping[str, str] = Field(default_factory=dict[str, str])

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return ()

    def _judge(self, evidence: Evidence) -> Ruling:
        rows = [
            row for row in evidence.study.published.get(self.table, [])
            if all(row.get(name) == text for name, text in self.where.items())
        ]  # fmt: skip
        damaged = any(self.column in row.damaged for row in rows)
        if not rows or damaged or self.column not in rows[0]:
            raise LookupError(f"{self.table}.{self.column}")
        wrong = [row for row in rows if row[self.column] != self.value]
        shown = ", ".join(dict.fromkeys(row[self.column] or fmt.MISSING for row in wrong or rows))
        where = ", ".join(_named(evidence.study, name, key) for name, key in self.where.items())
        return ruling(
            Finding.CONTRADICTED if wrong else Finding.SUPPORTED,
            f"The study's table of {self.table.replace('_', ' ')} has “{shown}” "
            f"under {self.column}{' for ' + where if where else ''}",
            ".",
        )


def _named(study: Study, column: str, key: str) -> str:
    """Call a model or an axis as readers do."""
    if column == "model" and any(m.key == key for m in study.models):
        return study.model(key).name
    if column == "axis" and any(a.key == key for a in study.axes):
        return study.axis(key).name
    return key
