"""Checks of tests: what is significant after correction, how often, and what is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from report.document.parts import Piece
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

# Up to so many entries are listed to show that none of them counts.
_FEW = 6


class Significant(Check):
    """All entries are significant after correction, with the sign if one is given."""

    kind: Literal["significant"]
    entries: Ids
    sign: Polarity | None = None

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        standing = [e for e in entries if evidence.stands(e)]
        if self.sign and (wrong := [e for e in standing if not has_sign(e, self.sign)]):
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

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        known = [e for e in entries if e.value is not None]
        gone = len(entries) - len(known)
        if len(known) < 2:
            return no_number(valueless(entries))
        end = f". {fmt.count(gone).capitalize()} more gave no number." if gone else "."
        if len({value_of(e) > 0 for e in known if evidence.stands(e)}) > 1:
            return ruling(Finding.CONTRADICTED, "The sign changes: ", *told(known), end)
        if fallen := [e for e in known if not evidence.stands(e)]:
            found = told_tested(fallen, evidence.ledger)
            return ruling(Finding.NOT_SUPPORTED, "Not significant: ", *found, end)
        found = told_tested(known, evidence.ledger)
        return ruling(Finding.SUPPORTED, "One sign, and significant: ", *found, end)


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

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return () if self.condition in ("known", "missing") else self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        if self.limit is not None and (bounded := evidence.bounded(entries)):
            return within_bounds(bounded, evidence.ledger)
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

    @property
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide."""
        return self.entries

    def _judge(self, evidence: Evidence) -> Ruling:
        entries = evidence.entries(self.entries)
        if gone := valueless(entries):
            return no_number(gone)
        found = told_tested(entries, evidence.ledger)
        bounded = evidence.bounded(entries)
        if any(evidence.stands(e) for e in entries):
            return ruling(Finding.CONTRADICTED, "There is an effect: ", *found, ".")
        if bounded:
            return within_bounds(bounded, evidence.ledger)
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
