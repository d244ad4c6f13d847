"""A study's prose, checked like code: each claim is a sentence with checks on the ledger.

``claims.toml`` stands beside ``study.toml``. A claim's checks must all hold; where a sentence
can't be tested, the claim says why instead.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from report.document.parts import Section, Table
from report.document.tables import left, right
from report.experiments.claims import todo
from report.experiments.claims.checks import AnyCheck
from report.experiments.claims.evidence import Evidence, Finding, Piece, combine, ruling
from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from report.study.errors import InputError
from report.study.study import Study
from report.study.texts import read_text

if TYPE_CHECKING:
    from rich.console import Console

SLUG = "claims"
TITLE = "The study's claims"


class Claim(BaseModel):
    """One statement of a study.

    Parameters
    ----------
    id : str
    sentence : str
        As it stands in the source.
    where : str
        Section of the source and place in it: ``Experiment 2, key observation 5``.
    checks : tuple
        What must hold, all of it.
    untestable : str
        Why there are no checks.
    reading : str
        How the sentence was understood, where that needs saying.
    expected : Finding or None
        What it should come out as. A claim that should be supported and is not fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    sentence: str = Field(min_length=1)
    where: str = Field(min_length=1)
    checks: tuple[AnyCheck, ...] = ()
    untestable: str = ""
    reading: str = ""
    expected: Finding | None = None

    @model_validator(mode="after")
    def _says_how(self) -> Claim:
        if bool(self.checks) == bool(self.untestable):
            raise ValueError("a claim has either checks or a reason why it is untestable")
        return self

    @property
    def section(self) -> str:
        """The part of the source that it stands in."""
        return self.where.split(",")[0]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    claims: tuple[Claim, ...] = ()
    todo: object = None  # read apart, item by item

    @model_validator(mode="after")
    def _unique(self) -> _File:
        ids = [claim.id for claim in self.claims]
        if twice := [name for name in ids if ids.count(name) > 1]:
            raise ValueError(f"two claims are called {twice[0]}")
        return self


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


def load_claims(study: Study) -> tuple[Claim, ...]:
    """Read a study's ``claims.toml``; no claims where there is none.

    Raises
    ------
    InputError
        Naming the claim and the field that is wrong.
    """
    path = study.folder / "claims.toml"
    if not path.exists():
        return ()
    try:
        fields = tomllib.loads(read_text(path))
        return _File.model_validate(fields).claims
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, "", f"not valid TOML: {error}", "Correct the line.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(path, place, first["msg"], "Correct the claim.") from error


def audit(study: Study, ledger: Ledger) -> tuple[Verdict, ...]:
    """Judge every claim of a study.

    Parameters
    ----------
    study : Study
    ledger : Ledger
        Settled, with the study's entries.

    Raises
    ------
    InputError
        If ``claims.toml`` can't be used.
    """
    evidence = Evidence(study, ledger)
    return tuple(_verdict(claim, evidence) for claim in load_claims(study))


def _verdict(claim: Claim, evidence: Evidence) -> Verdict:
    if claim.untestable:
        judged = ruling(Finding.NOT_TESTABLE, claim.untestable)
    else:
        judged = combine([check.judge(evidence) for check in claim.checks])
    text = "".join(
        piece if isinstance(piece, str) else fmt.show(evidence.ledger[piece.entry], piece.kind)
        for piece in judged.evidence
    )
    return Verdict(claim, judged.finding, judged.evidence, text)


def write(audits: Sequence[tuple[Study, Sequence[Verdict]]], folder: Path) -> None:
    """Write ``claims.json``: every verdict of every study, with its evidence."""
    rows = [{"study": study.id, **v.row()} for study, verdicts in audits for v in verdicts]
    text = json.dumps({"claims": rows}, ensure_ascii=False, indent=1) + "\n"
    (folder / "claims.json").write_text(text, encoding="utf-8")


def failed(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the claims that should be supported and are not."""
    return tuple(
        v for v in verdicts
        if v.claim.expected is Finding.SUPPORTED and v.finding is not Finding.SUPPORTED
    )  # fmt: skip


# --- the document -----------------------------------------------------------------------


def present(audits: Sequence[tuple[Study, Sequence[Verdict]]], ledger: Ledger) -> Section | None:
    """Describe the section of the document; None where no study makes claims or has plans.

    Parameters
    ----------
    audits : sequence of (Study, verdicts)
    ledger : Ledger
        Settled: it says what became of the to-do items.
    """
    todos = {study.id: todo.answer(study, ledger) for study, _ in audits}
    audits = [(study, verdicts) for study, verdicts in audits if verdicts or todos[study.id]]
    if not audits:
        return None
    parts: list[dict[str, Any]] = [
        {
            "study": study,
            "table": f"{SLUG}-{study.id}",
            "n": len(verdicts),
            "todo": todos[study.id],
            "groups": [
                (finding, [v for v in verdicts if v.finding is finding]) for finding in Finding
            ],
        }
        for study, verdicts in audits
    ]
    tables = tuple(_overview(study, verdicts) for study, verdicts in audits if verdicts)
    return Section(SLUG, TITLE, {"parts": parts}, (), tables, folder="")


def _overview(study: Study, verdicts: Sequence[Verdict]) -> Table:
    """Count the verdicts by section of the source."""
    sections = list(dict.fromkeys(v.claim.section for v in verdicts))
    rows = [
        (section, *(_tally(verdicts, finding, section) for finding in Finding))
        for section in sections
    ]
    rows.append(("All", *(_tally(verdicts, finding) for finding in Finding)))
    return Table(
        f"{SLUG}-{study.id}",
        "Claims of the study by section and verdict.",
        (left("Section"), *(right(finding.capitalize()) for finding in Finding)),
        tuple(rows),
    )


def _tally(verdicts: Sequence[Verdict], finding: Finding, section: str = "") -> str:
    n = sum(v.finding is finding and section in ("", v.claim.section) for v in verdicts)
    return fmt.number(n, "count")


# --- the terminal -----------------------------------------------------------------------

_STYLES = {
    Finding.CONTRADICTED: "red", Finding.NOT_SUPPORTED: "yellow",
    Finding.NOT_TESTABLE: "dim", Finding.SUPPORTED: "green",
}  # fmt: skip


def print_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    """Print every claim with its verdict and evidence, and how many there are of each."""
    from rich.text import Text

    for verdict in verdicts:
        claim = verdict.claim
        style = _STYLES[verdict.finding]
        console.print(Text.assemble((f"{verdict.finding:13}", style), "  ", (claim.id, "bold")))
        lines = [f"“{claim.sentence}” ({claim.where})", verdict.text]
        lines += [f"Read as: {claim.reading}"] if claim.reading else []
        if not verdict.as_expected:
            lines.append(f"Expected: {claim.expected}")
        for line in lines:
            console.print(Text(line), soft_wrap=True)
        console.print()
    tally = (f"{_tally(verdicts, finding)} {finding}" for finding in Finding)
    console.print(f"{fmt.count(len(verdicts), 'claim')}: {', '.join(tally)}")
