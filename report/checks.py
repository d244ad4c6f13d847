"""The checks that a claim is made of: small, typed, and answered from the ledger.

Each names ledger entries by id, or by a pattern with ``*``, and is judged to a `Ruling`: one of
four findings, with the sentence that shows why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from report import format as fmt
from report.evidence import (
    Aspect,
    Evidence,
    Finding,
    Piece,
    Ruling,
    no_number,
    ruling,
    told,
    told_measured,
    told_tested,
    value_of,
    valueless,
)
from report.ledger import Entry

Ids = tuple[str, ...]
Polarity = Literal["positive", "negative"]

# Up to so many entries are listed to show that none of them counts.
_FEW = 6


class Check(BaseModel, ABC):
    """What all checks share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def judge(self, evidence: Evidence) -> Ruling:
        """Judge the statement; a number that is not there makes it not testable."""
        try:
            return self._judge(evidence)
        except LookupError as error:
            return ruling(
                Finding.NOT_TESTABLE, f"There is nothing called {error.args[0]} to look at."
            )

    @abstractmethod
    def _judge(self, evidence: Evidence) -> Ruling: ...


class Extreme(Check):
    """The members are the highest, or the lowest, of all that ``of`` names.

    ``size`` compares values without their signs.
    """

    kind: Literal["extreme"]
    which: Literal["highest", "lowest"]
    of: Ids
    members: Ids
    size: bool = False

    def _judge(self, evidence: Evidence) -> Ruling:
        members = evidence.entries(self.members)
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

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = [entry for name in self.rising for entry in evidence.entries([name])]
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
    """All entries have the sign."""

    kind: Literal["sign"]
    entries: Ids
    sign: Polarity

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        known = [e for e in entries if e.value is not None]
        if wrong := [e for e in known if not _has_sign(e, self.sign)]:
            return ruling(Finding.CONTRADICTED, f"Not {self.sign}: ", *told(wrong), ".")
        if gone := valueless(entries):
            return no_number(gone)
        return ruling(Finding.SUPPORTED, f"{self.sign}: ", *told(entries), ".")


def _has_sign(entry: Entry, sign: Polarity) -> bool:
    return value_of(entry) > 0 if sign == "positive" else value_of(entry) < 0


class Ratio(Check):
    """One entry is ``value`` times another, give or take ``tolerance``."""

    kind: Literal["ratio"]
    numerator: str
    denominator: str
    value: float
    tolerance: float = Field(gt=0)

    def _judge(self, evidence: Evidence) -> Ruling:
        (upper,) = evidence.entries([self.numerator])
        (lower,) = evidence.entries([self.denominator])
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


class Significant(Check):
    """All entries are significant after correction, with the sign if one is given."""

    kind: Literal["significant"]
    entries: Ids
    sign: Polarity | None = None

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        standing = [e for e in entries if evidence.stands(e)]
        if self.sign and (wrong := [e for e in standing if not _has_sign(e, self.sign)]):
            found = told_tested(wrong, evidence.ledger)
            return ruling(Finding.CONTRADICTED, f"Significant, but not {self.sign}: ", *found, ".")
        if fallen := [e for e in entries if e.p is not None and e not in standing]:
            found = told_tested(fallen, evidence.ledger)
            return ruling(Finding.NOT_SUPPORTED, "Not significant: ", *found, ".")
        if gone := [e for e in entries if e.p is None]:
            return no_number(gone)
        found = told_tested(standing, evidence.ledger)
        return ruling(Finding.SUPPORTED, "Significant: ", *found, ".")


class Consistent(Check):
    """The entries that are known, two at least, have one sign and are all significant."""

    kind: Literal["consistent"]
    entries: Ids

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        known = [e for e in entries if e.value is not None]
        gone = len(entries) - len(known)
        if len(known) < 2:
            return no_number(valueless(entries))
        end = f". {fmt.count(gone).capitalize()} more gave no number." if gone else "."
        if len({value_of(e) > 0 for e in known}) > 1:
            return ruling(Finding.CONTRADICTED, "The sign changes: ", *told(known), end)
        if fallen := [e for e in known if not evidence.stands(e)]:
            found = told_tested(fallen, evidence.ledger)
            return ruling(Finding.NOT_SUPPORTED, "Not significant: ", *found, end)
        found = told_tested(known, evidence.ledger)
        return ruling(Finding.SUPPORTED, "One sign, and significant: ", *found, end)


class Equals(Check):
    """An entry has the value."""

    kind: Literal["equals"]
    entry: str
    value: float
    tolerance: float = Field(default=1e-9, gt=0)

    def _judge(self, evidence: Evidence) -> Ruling:
        (entry,) = evidence.entries([self.entry])
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

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
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


class Count(Check):
    """So many of the entries are significant, known, missing, or beyond a limit.

    ``distinct`` counts models or axes instead of entries.
    """

    kind: Literal["count"]
    entries: Ids
    condition: Literal["significant", "known", "missing", "above", "below"]
    limit: float | None = None
    aspect: Aspect = "value"
    distinct: Literal["model", "axis"] | None = None
    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _limited(self) -> Count:
        if (self.limit is None) == (self.condition in ("above", "below")):
            raise ValueError("a limit belongs to the conditions above and below, and to no other")
        return self

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        counted = [e for e in entries if self._holds(e, evidence)]
        n = len({getattr(e, self.distinct) for e in counted} if self.distinct else counted)
        finding = Finding.SUPPORTED
        if n < self.at_least:
            # What is not significant may still be there; a number that is not there is not.
            open_ = self.condition == "significant"
            finding = Finding.NOT_SUPPORTED if open_ else Finding.CONTRADICTED
        elif self.at_most is not None and n > self.at_most:
            finding = Finding.CONTRADICTED
        return ruling(finding, *self._told(entries, counted, n, evidence))

    def _holds(self, entry: Entry, evidence: Evidence) -> bool:
        if self.condition == "significant":
            return evidence.stands(entry)
        if self.condition in ("known", "missing"):
            return (entry.value is None) == (self.condition == "missing")
        measured = evidence.measure(entry, self.aspect)
        if measured is None or self.limit is None:
            return False
        return measured > self.limit if self.condition == "above" else measured < self.limit

    def _told(
        self, entries: Sequence[Entry], counted: Sequence[Entry], n: int, evidence: Evidence
    ) -> list[Piece]:
        head = f"{fmt.count(len(counted))} of {fmt.count(len(entries))}"
        words = {
            "significant": "significant", "known": "with a number", "missing": "without a number",
        }.get(self.condition) or f"{self.condition} {self.limit:g}"  # fmt: skip
        if len(entries) == 1:
            head, words = "", words if counted else f"not {words}"
        if self.distinct:
            words += f", in {fmt.count(n, *_COUNTED[self.distinct])}"
        listed = counted or [e for e in entries if e.value is not None]
        if not listed or (not counted and len(listed) > _FEW):
            return [f"{head} {words}.".lstrip()]
        if self.condition == "significant":
            found = told_tested(listed, evidence.ledger)
        elif self.condition == "missing" and counted:
            found = ["; ".join(e.label for e in listed)]
        else:
            found = told_measured(listed, self.aspect, evidence)
        return [f"{head} {words}: ".lstrip(), *found, "."]


_COUNTED = {"model": ("model", "models"), "axis": ("axis", "axes")}


class Absent(Check):
    """No entry differs from zero by more than the margin: their intervals must show it."""

    kind: Literal["absent"]
    entries: Ids
    margin: float = Field(gt=0)

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        if gone := valueless(entries):
            return no_number(gone)
        found = told_tested(entries, evidence.ledger)
        if any(evidence.stands(e) for e in entries):
            return ruling(Finding.CONTRADICTED, "There is an effect: ", *found, ".")
        known = [ci for e in entries if (ci := e.estimate.interval) is not None]
        if len(known) < len(entries):
            why = "Without an interval an effect of either sign remains possible."
        elif any(max(-ci.low, ci.high) > self.margin for ci in known):
            why = "The interval leaves room for an effect that would matter."
        else:
            return ruling(Finding.SUPPORTED, "The intervals stay close to zero: ", *found, ".")
        return ruling(
            Finding.NOT_SUPPORTED,
            "That none was found does not show that there is none: ", *found, f". {why}",
        )  # fmt: skip


class Cell(Check):
    """A column of a published table has the value in all rows that ``where`` describes."""

    kind: Literal["cell"]
    table: str
    column: str
    value: str
    where: Mapping[str, str] = Field(default_factory=dict[str, str])

    def _judge(self, evidence: Evidence) -> Ruling:
        rows = [
            row for row in evidence.study.published.get(self.table, [])
            if all(row.get(name) == text for name, text in self.where.items())
        ]  # fmt: skip
        if not rows or self.column not in rows[0]:
            raise LookupError(f"{self.table}.{self.column}")
        wrong = [row for row in rows if row[self.column] != self.value]
        shown = ", ".join(dict.fromkeys(row[self.column] or fmt.MISSING for row in wrong or rows))
        return ruling(
            Finding.CONTRADICTED if wrong else Finding.SUPPORTED,
            f"The study's table of {self.table.replace('_', ' ')} has “{shown}” "
            f"under {self.column}.",
        )


AnyCheck = Annotated[
    Extreme | Order | Sign | Ratio | Significant | Consistent | Equals | Between | Count | Absent
    | Cell,
    Field(discriminator="kind"),
]  # fmt: skip
