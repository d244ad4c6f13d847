"""One level of a study: its published numbers of a cohort, or the captures of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from report.experiments.base import StudyData
from report.ledger.ledger import Entry, Family, Ledger
from report.study.study import Cohort, Model, Study


@dataclass(frozen=True)
class Level:
    """What a study says of one cohort, as published or as captured.

    Parameters
    ----------
    data : StudyData
    ledger : Ledger
        Settled.
    cohort : Cohort
    published : bool
    """

    data: StudyData
    ledger: Ledger
    cohort: Cohort
    published: bool

    @property
    def study(self) -> Study:
        """The study."""
        return self.data.study

    @property
    def key(self) -> str:
        """``"published"``, or the key of the cohort."""
        return "published" if self.published else self.cohort.key

    @property
    def tail(self) -> tuple[str, ...]:
        """What ids of this level end in."""
        return ("published",) if self.published else ()

    @property
    def words(self) -> str:
        """What it is called in the label of an entry."""
        return f"{self.cohort.title}{', as published' if self.published else ''}"

    @property
    def several(self) -> bool:
        """Whether there is more than one model or condition to tell apart."""
        return len(self.study.cohort_models(self.cohort.key)) > 1

    @property
    def at(self) -> str:
        """What stands before the name of a member: at a temperature, but in a model."""
        return "at" if self.cohort.unit == "condition" else "in"

    def label(self, key: str) -> str:
        """Return the short name of a model or condition."""
        return self.study.model(key).label

    def entries(self, experiment: str, quantity: str) -> tuple[Entry, ...]:
        """Return the entries of one quantity at this level, in ledger order."""
        found = self.ledger.select(experiment=experiment, quantity=quantity, cohort=self.cohort.key)
        return tuple(e for e in found if (e.evidence == "published") is self.published)

    def entry(self, experiment: str, quantity: str) -> Entry | None:
        """Return the one entry of a quantity at this level, if there is one."""
        found = self.entries(experiment, quantity)
        return found[0] if found else None

    def family(self, name: str) -> Family | None:
        """Return the family of a kind of tests at this level; None where it has no member."""
        family = self.ledger.families.get(f"{name}.{self.study.id}.{self.key.replace('_', '-')}")
        return family if family is not None and family.members else None

    def members(self, family: Family) -> tuple[Entry, ...]:
        """Return the members of a family."""
        return tuple(self.ledger[name] for name in family.members)

    def model(self, entry: Entry) -> Model:
        """Return the model or condition that an entry is about."""
        return self.study.model(cast(str, entry.model))


def levels(studies: Sequence[StudyData], ledger: Ledger) -> list[Level]:
    """Return every level that holds entries, study by study, published numbers first."""
    there = {(entry.cohort, entry.evidence == "published") for entry in ledger}
    return [
        Level(data, ledger, cohort, published)
        for data in studies
        for published in (True, False)
        for cohort in data.study.cohorts
        if (cohort.key, published) in there
    ]
