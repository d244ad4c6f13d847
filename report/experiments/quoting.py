"""Text of a study that quotes the ledger: ``{{entry.aspect}}`` stands for a number.

Names are those of ``values.json``. A name that the ledger does not have, or that has no number,
is an error that names the nearest ones: a text never says what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from report.document.parts import Piece, Says, Stat, Tally
from report.experiments.answering import decide, joined, resting_on
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.errors import InputError
from report.study.study import OwnAnswer, Study
from report.study.words import Statement

# Other text in double braces, a short code of Quarto say, is text.
_PLACE = re.compile(r"\{\{\s*([a-z][a-z0-9-]*(?:\.[a-z0-9=-]+)+)\s*\}\}")
_FAMILY = "family."
_OF_ENTRIES = (
    "value",
    "signed",
    "ci",
    "p",
    "p=",
    "floor",
    "n",
    "layer",
    "apa",
    "adjusted",
    "adjusted=",
)
_OF_FAMILIES = {"m": "size", "survivors": "rejected", "share": "share"}


class NoNumberError(InputError):
    """A text quotes a number, or rests on one, that the data did not give."""


def names_in(text: str) -> list[str]:
    """Return the ids of the entries, and ``family.`` with those of families, that a text quotes."""
    return [found.rpartition(".")[0] for found in _PLACE.findall(text)]


def quoted(text: str, ledger: Ledger, path: Path, field: str) -> tuple[Piece, ...]:
    """Put the numbers of the ledger into a text.

    Parameters
    ----------
    text : str
        With ``{{id.aspect}}`` or ``{{family.id.aspect}}`` where a number belongs.
    ledger : Ledger
    path : Path
    field : str
        Where the text stands, for the message.

    Raises
    ------
    NoNumberError
        If a name has no number.
    InputError
        If a name is unknown.
    """
    text = re.sub(r"\s+", " ", text).strip()
    return joined(_pieces(text, ledger, path, field))


def borne(
    said: Statement | OwnAnswer, study: Study, ledger: Ledger, path: Path, field: str
) -> list[Entry]:
    """Return what a statement rests on, once the ledger says what it says.

    Raises
    ------
    NoNumberError
        If the ledger has no number to say anything by.
    InputError
        If there is nothing of a name, or the ledger says something else.
    """
    try:
        entries = resting_on(said.rests_on, ledger)
    except KeyError as error:
        name = str(error.args[0])
        raise InputError(
            path, f"{field}.rests_on", f"there is nothing called {name}", near(name, ledger)
        ) from None
    found = decide(entries, study)
    if said.says is not None and found is not Says(said.says):
        gone = any(entry.value is None for entry in entries)
        kind = NoNumberError if gone and found is Says.NOT_TESTABLE else InputError
        raise kind(
            path,
            f"{field}.says",
            f"“{said.text}” is said to be {said.says}, and the ledger says {found}",
            "Correct the text and what it says, or take it out: the program words its own.",
        )
    return entries


def _pieces(text: str, ledger: Ledger, path: Path, field: str) -> Iterator[Piece]:
    for i, part in enumerate(_PLACE.split(text)):
        if i % 2 == 0:
            yield part
        else:
            yield _number(part, ledger, path, field)


def _number(name: str, ledger: Ledger, path: Path, field: str) -> Piece:
    subject, _, aspect = name.rpartition(".")
    if subject.startswith(_FAMILY):
        family = ledger.families.get(subject.removeprefix(_FAMILY))
        if family is not None and aspect == "rule":
            return fmt.RULES[family.method]
        if family is not None and aspect in _OF_FAMILIES:
            return Tally(family.id, _OF_FAMILIES[aspect])
        aspects = None if family is None else (*_OF_FAMILIES, "rule")
    else:
        entry = ledger.get(subject)
        if entry is not None and aspect in _OF_ENTRIES:
            return _stat(entry, aspect, ledger, path, field)
        aspects = None if entry is None else _OF_ENTRIES
    raise InputError(path, field, *_unknown(name, subject, aspects, ledger))


def _stat(entry: Entry, aspect: str, ledger: Ledger, path: Path, field: str) -> Stat:
    rule = ledger.families[entry.family].method if entry.family else ""
    kind = aspect
    if aspect in ("adjusted", "adjusted=") or (aspect == "apa" and rule):
        kind = f"{aspect}:{rule}"
    if fmt.show(entry, kind) == fmt.MISSING or (aspect == "apa" and entry.value is None):
        reason = entry.why_no(aspect)
        why = "" if reason is None else f" ({reason.sentence.rstrip('.')})"
        raise NoNumberError(
            path,
            field,
            f"{entry.id} has no {aspect} here{why}",
            "Quote another number, or leave the sentence out.",
        )
    return Stat(entry.id, kind)


def _unknown(
    name: str, subject: str, aspects: Sequence[str] | None, ledger: Ledger
) -> tuple[str, str]:
    """Say what is wrong with a name, and which names are near."""
    if aspects is not None:
        return f"{name} is no aspect of {subject}", f"It has {', '.join(aspects)}."
    return f"there is nothing called {subject or name} in the ledger", near(subject or name, ledger)


def near(name: str, ledger: Ledger) -> str:
    """Say which names of the ledger are near one that it does not have."""
    known = [*ledger.entries, *(_FAMILY + one for one in ledger.families)]
    found = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Near it are {', '.join(found)}." if found else "A build's values.json has all names."
