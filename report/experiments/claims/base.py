"""What all checks of claims share.

A check names ledger entries by id, or by a pattern with ``*``, and is judged to a `Ruling`: one of
four findings, with the sentence that shows why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from report.experiments.claims.evidence import Evidence, Finding, Ruling, ruling, value_of
from report.ledger.ledger import Entry
from report.study.fields import Fields, Listed

Ids = Listed[str]
Polarity = Literal["positive", "negative"]


class Check(Fields, ABC):
    """What all checks share."""

    def judge(self, evidence: Evidence) -> Ruling:
        """Judge the statement; a number that is not there makes it not testable."""
        try:
            return self._judge(evidence)
        except LookupError as error:
            return ruling(
                Finding.NOT_TESTABLE, f"There is nothing called {error.args[0]} to look at."
            )

    @property
    @abstractmethod
    def weighs(self) -> Ids:
        """Names of the entries whose numbers decide, not merely whether they are there."""

    @abstractmethod
    def _judge(self, evidence: Evidence) -> Ruling: ...


def has_sign(entry: Entry, sign: Polarity) -> bool:
    """Tell whether an entry, which must have a value, has the sign."""
    return value_of(entry) > 0 if sign == "positive" else value_of(entry) < 0
