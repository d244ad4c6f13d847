"""A study's prose, checked like code: each claim is a sentence with checks on the ledger.

``claims.toml`` stands beside ``study.toml``. A claim's checks must all hold; where a sentence
can't be tested, the claim says why instead. A claim that can't be read is lost alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report.document.parts import Piece, Section, Table, text_of
from report.document.tables import left, right
from report.experiments.claims.evidence import (
    Evidence,
    Finding,
    Ruling,
    combine,
    ruling,
)
from report.experiments.claims.reading import Claim, read_claims
from report.experiments.standing import any_on_wrong_rows
from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from report.study.study import Study
from report.study.texts import csv_cell, visible

if TYPE_CHECKING:
    from rich.console import Console

SLUG = "claims"
TITLE = "The study's claims"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim, what became of it, and why.

    Parameters
    ----------
    claim : Claim
    finding : Finding
    evidence : tuple of str or Stat
        The evidence sentence, with its numbers by reference.
    text : str
        The same in plain text.
    """

    claim: Claim
    finding: Finding
    evidence: tuple[Piece, ...]
    text: str

    @property
    def as_expected(self) -> bool:
        """False where the claim says what should come out, and something else did."""
        return self.claim.expected in (None, self.finding)

    def row(self) -> dict[str, str]:
        """Return the verdict for JSON or CSV."""
        return {
            "id": self.claim.id, "sentence": self.claim.sentence, "where": self.claim.where,
            "verdict": str(self.finding), "expected": str(self.claim.expected or ""),
            "evidence": self.text,
        }  # fmt: skip


def audit(study: Study, ledger: Ledger) -> tuple[Verdict, ...]:
    """Judge every claim of a study.

    Parameters
    ----------
    study : Study
    ledger : Ledger
        Settled, with the study's entries.
    """
    evidence = Evidence(study, ledger)
    return tuple(_verdict(claim, evidence) for claim in read_claims(study.folder)[0])


def _verdict(claim: Claim, evidence: Evidence) -> Verdict:
    if claim.untestable:
        judged = ruling(Finding.NOT_TESTABLE, claim.untestable)
    else:
        judged = combine([check.judge(evidence) for check in claim.checks])
        if judged.finding is not Finding.NOT_TESTABLE and _on_wrong_rows(claim, evidence):
            judged = Ruling(Finding.WRONG_ROWS, ("As printed: ", *judged.evidence, _WRONG))
    text = text_of(judged.evidence, evidence.ledger)
    return Verdict(claim, judged.finding, judged.evidence, text)


_WRONG = " Very probably cut at wrong rows: no evidence either way."


def _on_wrong_rows(claim: Claim, evidence: Evidence) -> bool:
    """Tell whether a number that decides about a claim is built on wrongly cut answers."""
    names = [name for check in claim.checks for name in check.weighs]
    entries = (entry for name in names for entry in evidence.found(name))
    return any_on_wrong_rows(entries, evidence.study)


def write(audits: Sequence[tuple[Study, Sequence[Verdict]]], folder: Path) -> None:
    """Write ``claims.json`` and ``claims.csv``: every verdict, with its evidence."""
    rows = [{"study": study.id, **v.row()} for study, verdicts in audits for v in verdicts]
    text = json.dumps({"claims": rows}, ensure_ascii=False, indent=1) + "\n"
    (folder / "claims.json").write_text(text, encoding="utf-8")
    if rows:
        with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: csv_cell(text) for name, text in row.items()} for row in rows)


def failed(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the claims that should be supported and are not."""
    return tuple(
        v for v in verdicts
        if v.claim.expected is Finding.SUPPORTED and v.finding is not Finding.SUPPORTED
    )  # fmt: skip


# --- the document -----------------------------------------------------------------------


def present(audits: Sequence[tuple[Study, Sequence[Verdict]]]) -> Section | None:
    """Describe the section of the document; None where no study makes claims."""
    audits = [(study, verdicts) for study, verdicts in audits if verdicts]
    if not audits:
        return None
    parts: list[dict[str, Any]] = [
        {
            "study": study,
            "table": f"{SLUG}-{study.id}",
            "n": len(verdicts),
            "groups": [
                (finding, [v for v in verdicts if v.finding is finding]) for finding in Finding
            ],
        }
        for study, verdicts in audits
    ]
    tables = tuple(_overview(study, verdicts) for study, verdicts in audits)
    return Section(SLUG, TITLE, {"parts": parts}, (), tables, folder="")


def _shown(verdicts: Sequence[Verdict]) -> tuple[Finding, ...]:
    """Return the findings that can occur: wrong rows only where some were found."""
    found = {verdict.finding for verdict in verdicts}
    return tuple(f for f in Finding if f is not Finding.WRONG_ROWS or f in found)


def _overview(study: Study, verdicts: Sequence[Verdict]) -> Table:
    """Count the verdicts by section of the source."""
    sections = list(dict.fromkeys(v.claim.section for v in verdicts))
    findings = _shown(verdicts)
    rows = [
        (section, *(_tally(verdicts, finding, section) for finding in findings))
        for section in sections
    ]
    rows.append(("All", *(_tally(verdicts, finding) for finding in findings)))
    return Table(
        f"{SLUG}-{study.id}",
        "Claims of the study by section and verdict.",
        (left("Section"), *(right(finding.capitalize()) for finding in findings)),
        tuple(rows),
    )


def _tally(verdicts: Sequence[Verdict], finding: Finding, section: str = "") -> str:
    n = sum(v.finding is finding and section in ("", v.claim.section) for v in verdicts)
    return fmt.number(n, "count")


# --- the terminal -----------------------------------------------------------------------

_STYLES = {
    Finding.CONTRADICTED: "red", Finding.NOT_SUPPORTED: "yellow",
    Finding.NOT_TESTABLE: "dim", Finding.WRONG_ROWS: "magenta", Finding.SUPPORTED: "green",
}  # fmt: skip


def print_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    """Print every claim with its verdict and evidence, and how many there are of each."""
    from rich.text import Text

    for verdict in verdicts:
        claim = verdict.claim
        style = _STYLES[verdict.finding]
        console.print(
            Text.assemble((f"{verdict.finding:16}", style), "  ", (visible(claim.id), "bold"))
        )
        lines = [f"“{claim.sentence}” ({claim.where})", verdict.text]
        lines += [f"Read as: {claim.reading}"] if claim.reading else []
        if not verdict.as_expected:
            lines.append(f"Expected: {claim.expected}")
        for line in lines:
            console.print(Text(visible(line)), soft_wrap=True)
        console.print()
    tally = (f"{_tally(verdicts, finding)} {finding}" for finding in _shown(verdicts))
    console.print(f"{fmt.count(len(verdicts), 'claim')}: {', '.join(tally)}")
