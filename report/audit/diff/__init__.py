"""Two builds held against each other: what of numbers, decisions, words and cells changed, and why.

Both are read as a stranger's would be, and nothing is computed again: what a build says of itself
is what is compared. `report verify` tells whether that is true.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from report.audit.diff.causes import causes
from report.audit.diff.cells import cells
from report.audit.diff.changes import Cell, Difference, Sentence, Verdict
from report.audit.diff.claims import claims, has_claims
from report.audit.diff.entries import changed, decisions, families, only_in
from report.audit.diff.sentences import sentences
from report.audit.finished import Finished, load_finished
from report.study.errors import InputError, ReportError


def compare(old: Finished, new: Finished, *, whole: bool = True) -> Difference:
    """Compare two finished builds.

    Parameters
    ----------
    old, new : Finished
    whole : bool
        Whether sentences and cells of tables are compared, too, which takes some seconds.

    Raises
    ------
    InputError
        If a file of one of them is not as a build leaves it.
    """
    notes: list[str] = []
    verdicts: tuple[Verdict, ...] = ()
    if has_claims(old) and has_claims(new):
        verdicts = claims(old, new)
    else:
        notes.append("claims are not compared: one of the builds is from before claims.json")
    said, shown = _document(old, new, notes) if whole else ([], [])
    return Difference(
        str(old.folder),
        str(new.folder),
        sum(entry.value is not None for entry in new.ledger),
        only_in(new, old),
        only_in(old, new),
        changed(old, new),
        families(old, new),
        decisions(old, new),
        verdicts,
        causes(old, new),
        tuple(said),
        tuple(shown),
        tuple(notes),
    )


def _document(old: Finished, new: Finished, notes: list[str]) -> tuple[list[Sentence], list[Cell]]:
    said: list[Sentence] = []
    shown: list[Cell] = []
    try:
        said = sentences(old, new)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        notes.append(f"sentences are not compared: {error}")
    try:
        shown = list(cells(old, new))
    except (OSError, UnicodeDecodeError, IndexError) as error:
        notes.append(f"tables are not compared: {error}")
    return said, shown


def against_last(old: Path, new: Path) -> str:
    """Say in one line what a build changed, or why that can't be said.

    Parameters
    ----------
    old, new : Path
        The last build in the same place, and the one that takes it.
    """
    try:
        difference = compare(load_finished(old), load_finished(new), whole=False)
    except ReportError as error:
        return f"the last build can't be compared: {error}"
    kinds = {"input": "inputs", "plan": "plan", "code": "code", "library": "libraries"}
    why = dict.fromkeys(kinds[c.kind] for c in difference.causes if c.kind in kinds)
    what = f"against the last build: {difference.line()}"
    return what + (f" (not the same: {', '.join(why)})" if why else "")


def run(old: Path, new: Path, *, as_json: bool, page: Path | None, most: int) -> int:
    """Print what changed between two builds, and return the exit code.

    Parameters
    ----------
    old, new : Path
    as_json : bool
    page : Path or None
        Where a page of HTML is written, too.
    most : int
        How many lines of one kind are printed as text.

    Returns
    -------
    int
        1 where a decision or the verdict on a claim is another one, else 0.
    """
    from report.audit.diff.show import as_page, as_text

    for folder in (old, new):
        if not folder.is_dir():
            raise InputError(folder, "", "there is no such folder", "Name two finished builds.")
    difference = compare(load_finished(old), load_finished(new))
    if page is not None:
        page.write_text(as_page(difference), encoding="utf-8")
    if as_json:
        print(json.dumps(difference.document(), indent=1))
    else:
        print("\n".join(as_text(difference, most)))
    return 1 if difference.decided else 0
