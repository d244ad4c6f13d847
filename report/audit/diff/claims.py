"""Verdicts on the claims of two builds."""

from __future__ import annotations

from report.audit.diff.changes import Verdict
from report.audit.finished import Finished, inside, read_json
from report.audit.schema import ClaimsFile, VerdictRow, checked

FILE = "claims.json"


def has_claims(build: Finished) -> bool:
    """Tell whether a build says what became of its claims; older ones do not."""
    return inside(build.folder, FILE).is_file()


def claims(old: Finished, new: Finished) -> tuple[Verdict, ...]:
    """Return the claims whose verdict is another one, and those that came or went.

    Raises
    ------
    InputError
        If one of the builds holds no list of verdicts, or a broken one.
    """
    before, after = _rows(old), _rows(new)
    found: list[Verdict] = []
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        row = other or one
        was, now = one and one.verdict, other and other.verdict
        if row is not None and was != now:
            evidence = "" if other is None else other.evidence
            found.append(Verdict(*key, row.sentence, was, now, evidence))
    return tuple(found)


def _rows(build: Finished) -> dict[tuple[str, str], VerdictRow]:
    path = inside(build.folder, FILE)
    rows = checked(ClaimsFile, read_json(path), path).claims
    return {(row.study, row.id): row for row in rows}
