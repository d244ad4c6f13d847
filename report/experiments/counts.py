"""Counts that the document tells: entries like all others, with what they count as sources."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from report.experiments.base import StudyData, entry_id
from report.experiments.claims import Verdict
from report.experiments.claims.evidence import Finding
from report.experiments.level import Level, levels
from report.ledger.ledger import Entry, Ledger
from report.ledger.lineage import selector
from stats.outcome import Estimate

CLAIMS = "claims"


def of_tests(studies: Sequence[StudyData], ledger: Ledger) -> list[Entry]:
    """Count the peaks of each level that would stand alone.

    Parameters
    ----------
    studies : sequence of StudyData
    ledger : Ledger
        Settled.
    """
    found = (_peaks_alone(level) for level in levels(studies, ledger))
    return [entry for entry in found if entry is not None]


def of_claims(studies: Sequence[StudyData], audits: Sequence[Sequence[Verdict]]) -> list[Entry]:
    """Count the claims of each study, and the verdicts on them.

    Parameters
    ----------
    studies : sequence of StudyData
    audits : sequence of sequence of Verdict
        Of the studies, in their order.
    """
    pairs = zip(studies, audits, strict=True)
    return [entry for data, verdicts in pairs for entry in _claims(data, verdicts)]


def _peaks_alone(level: Level) -> Entry | None:
    """Count the peaks that are significant where no search over layers is allowed for."""
    tested = [e for e in level.entries("signature", "peak-unsearched") if e.p is not None]
    if not tested:
        return None
    alpha = level.study.plan.alpha
    n = sum(e.p is not None and e.p <= alpha for e in tested)
    source = selector(
        "",
        "ledger",
        "p",
        experiment="signature",
        quantity="peak-unsearched",
        cohort=level.cohort.key,
        evidence=tested[0].evidence,
    )
    return Entry(
        id=entry_id("signature", "alone", level.cohort.key, *level.tail),
        experiment="signature",
        quantity="alone",
        evidence=tested[0].evidence,
        cohort=level.cohort.key,
        estimate=Estimate(float(n), len(tested)),
        method="count of tests with p at most alpha",
        sources=(source,),
        unit="count",
        label=f"peaks that would stand if their layers had been chosen before, {level.words}",
    )


def _claims(data: StudyData, verdicts: Sequence[Verdict]) -> list[Entry]:
    """Count the claims of a study, and the verdicts on them."""
    if not verdicts:
        return []
    study = data.study
    found = {finding: sum(v.finding is finding for v in verdicts) for finding in Finding}
    kinds = [("all", len(verdicts)), *((str(f), n) for f, n in found.items() if n)]
    return [
        Entry(
            id=entry_id(CLAIMS, "count", kind.replace("open: ", ""), study.id),
            experiment=CLAIMS,
            quantity="count",
            evidence="published" if study.published else data.evidence,
            cohort=study.cohorts[0].key,
            estimate=Estimate(float(n), len(verdicts)),
            method="count of claims",
            sources=(_rows(study.id, "" if kind == "all" else kind),),
            unit="count",
            label="claims of the study" if kind == "all" else f"claims that are {kind}",
        )
        for kind, n in kinds
    ]


def _rows(study: str, verdict: str) -> str:
    """Select the claims of a study, or those with a verdict."""
    where = {"study": study} | ({"verdict": verdict} if verdict else {})
    return f"{CLAIMS}.csv?{urlencode(where, quote_via=quote)}#id"
