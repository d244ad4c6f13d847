"""Sentences in a study's own words, which the ledger has to bear."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from report.study.fields import Fields, Listed

Said = Literal[
    "positive",
    "negative",
    "both signs",
    "not shown",
    "not identified",
    "not testable",
    "described",
    "inferred",
    "wrong rows",
]


class Statement(Fields):
    """A sentence, and what the ledger must say for it to be true.

    Parameters
    ----------
    text : str
        ``{{id.aspect}}`` is a number of the ledger.
    rests_on : tuple of str
        Ids of entries, or ``family.`` and the id of a family.
    says : str or None
        What these say together.
    """

    text: str = Field(min_length=1)
    rests_on: Listed[str] = ()
    says: Said | None = None
