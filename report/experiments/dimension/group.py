"""The models that the n = 6 question is asked of, at one level of evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from report.capture.features import FloatArray
from report.experiments.base import StudyData, entry_id
from report.ledger.ledger import Entry, Evidence
from report.ledger.lineage import selector
from report.study.study import Cohort, Model
from stats.outcome import Estimate

SLUG = "dimension"
FEWEST = 3  # models that a rank correlation needs


@dataclass(frozen=True)
class Group:
    """The models of one cohort at one evidence level, with both variables."""

    data: StudyData
    cohort: Cohort
    evidence: Evidence
    models: tuple[Model, ...]
    entropy: FloatArray
    effective: FloatArray
    corrected: FloatArray | None = None

    @property
    def tail(self) -> tuple[str, ...]:
        """What ids of this evidence level end in."""
        return ("published",) if self.evidence == "published" else ()

    def name(self, quantity: str, *subject: str) -> str:
        """Return the id of an entry about the cohort, or about ``subject``."""
        return entry_id(SLUG, quantity, *(subject or (self.cohort.key,)), *self.tail)

    def sources(self, without: str = "", dimension: str = "effective") -> tuple[str, str]:
        """Select both variables from the ledger; a model that lacks one has an empty cell."""
        excluded = {"model!": without} if without else {}
        described = {"cohort": self.cohort.key, "evidence": self.evidence, **excluded}
        return (
            selector("", "ledger", "estimate", experiment="generation", quantity="mean",
                     **described),
            selector("", "ledger", "estimate", experiment=SLUG, quantity=dimension, **described),
        )  # fmt: skip

    def entry(self, quantity: str, estimate: Estimate, *subject: str, **fields: Any) -> Entry:
        """Make an entry of this group."""
        given: dict[str, Any] = {
            "sources": self.sources(), "unit": "rho", "method": "Spearman's rho",
            "label": f"{quantity}: mean entropy and effective dimension",
        }  # fmt: skip
        return Entry(
            id=self.name(quantity, *subject), experiment=SLUG, quantity=quantity,
            evidence=self.evidence, cohort=self.cohort.key, estimate=estimate, **(given | fields),
        )  # fmt: skip
