"""How experiments answer questions: a decision first, then words that are no stronger.

A sentence is a `Phrase`, one a decision; `too_strong` finds what a decision may not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from report.document.parts import Answer, Grade, Piece, Says, Stat
from report.experiments.level import Level
from report.experiments.standing import on_wrong_rows
from report.ledger.ledger import Entry, Family, Ledger
from report.study.study import Study
from stats.outcome import Reason

_AUDIT = "integrity"
SHOWN = (Says.POSITIVE, Says.NEGATIVE, Says.BOTH)


def stands(entry: Entry, study: Study) -> bool:
    """Tell whether an entry is significant: after correction, where it has a family."""
    if entry.rejected is not None:
        return entry.rejected
    return entry.p is not None and entry.p <= study.plan.alpha


def decide(entries: Sequence[Entry], study: Study) -> Says:
    """Decide what some entries say together.

    What stands on wrong rows says nothing. Of tests, those that survive decide, and their signs
    must agree for one to be said; where none survives, nothing is shown. Without a test a
    number is described. What the audit takes from printed numbers is inferred.

    Parameters
    ----------
    entries : sequence of Entry
    study : Study
    """
    if any(on_wrong_rows(entry, study) for entry in entries):
        return Says.WRONG_ROWS
    if entries and all(e.experiment == _AUDIT and e.evidence == "published" for e in entries):
        return Says.INFERRED
    if signs := {(entry.value or 0.0) > 0 for entry in entries if stands(entry, study)}:
        both = len(signs) > 1
        return Says.BOTH if both else Says.POSITIVE if True in signs else Says.NEGATIVE
    if any(entry.p is not None for entry in entries):
        return Says.NOT_SHOWN
    if any(entry.reason is Reason.NOT_IDENTIFIED for entry in entries):
        return Says.NOT_IDENTIFIED
    if any(entry.value is not None and not entry.family for entry in entries):
        return Says.DESCRIBED
    return Says.NOT_TESTABLE


def resting_on(names: Iterable[str], ledger: Ledger) -> list[Entry]:
    """Return the entries behind names: ids, and ``family.`` with the id of a family.

    Raises
    ------
    KeyError
        If there is nothing of a name.
    """
    found: list[Entry] = []
    for name in names:
        family = ledger.families.get(name.removeprefix("family."))
        if name.startswith("family.") and family is not None:
            found += [ledger[member] for member in family.members]
        else:
            found.append(ledger[name])
    return found


def graded(level: Level, *names: str, of: str = "") -> Grade:
    """Grade what rests on some entries or families of a level."""
    return Grade(decide(resting_on(names, level.ledger), level.study), names, of)


def of_family(family: Family) -> str:
    """Return the name under which an answer rests on a family."""
    return f"family.{family.id}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence with places for numbers and names, and the decision that it may follow."""

    says: Says
    text: str

    def __call__(self, **parts: Piece | Sequence[Piece]) -> tuple[Piece, ...]:
        """Fill the places ``{name}``; parts without a place are not needed.

        Raises
        ------
        KeyError
            If a place is left empty.
        """
        return compose(self.text, **parts)


def compose(template: str, **parts: Piece | Sequence[Piece]) -> tuple[Piece, ...]:
    """Fill the places ``{name}`` of a sentence with pieces, and join what is text."""
    pieces: list[Piece] = []
    for text, name, _, _ in Formatter().parse(template):
        pieces.append(text)
        if name is not None:
            part = parts[name]
            pieces += [part] if isinstance(part, str) or not isinstance(part, Sequence) else part
    return joined(pieces)


def joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Join neighbouring pieces of text."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


def listed(items: Sequence[Sequence[Piece]], conjunction: str = "and") -> tuple[Piece, ...]:
    """Join pieces as English joins words: ``a``, ``a and b``, ``a, b and c``."""
    pieces: list[Piece] = []
    for i, item in enumerate(items):
        if i:
            pieces.append(f" {conjunction} " if i == len(items) - 1 else ", ")
        pieces += item
    return joined(pieces)


def because(entries: Iterable[Entry]) -> str:
    """Say why numbers are missing, as the end of a sentence."""
    reasons = dict.fromkeys(e.reason.sentence.rstrip(".") for e in entries if e.reason)
    if not reasons:
        return "no test can be made"
    return "; ".join(reason[:1].lower() + reason[1:] for reason in reasons)


def answer(
    question: str,
    experiment: str,
    level: Level,
    sentence: Sequence[Piece],
    number: Sequence[Piece],
    *grades: Grade,
    brief: Sequence[Piece] = (),
    stem: str = "",
) -> Answer:
    """Make the answer of a level."""
    return Answer(
        question,
        experiment,
        level.study.id,
        level.cohort.key,
        level.published,
        tuple(sentence),
        tuple(number),
        grades,
        tuple(brief),
        stem,
    )


def possible(family: Family, done: str) -> str:
    """Say that tests are those that can be made, where a family has more members."""
    return f" that can be {done}" if len(family.members) > family.m else ""


def sentence_of(entry: Entry, ledger: Ledger) -> Stat:
    """Show an entry as sentences have it, with the p that its family adjusted."""
    rule = ledger.families[entry.family].method if entry.family else ""
    return Stat(entry.id, f"apa:{rule}" if rule else "apa")


def strongest(level: Level, entries: Sequence[Entry]) -> tuple[Piece, ...]:
    """Show the correlation of the smallest p, the largest among equals, and what it is of."""
    if not entries:
        return ()
    first = min(entries, key=lambda e: (e.p or 0.0, -abs(e.value or 0.0)))
    return compose(
        "{name}{axis}: {stat}",
        name=f"{level.label(str(first.model))}, " if level.several else "",
        axis=level.study.axis(str(first.axis)).name,
        stat=sentence_of(first, level.ledger),
    )


# --- words ------------------------------------------------------------------------------

_ASSERTS = re.compile(
    r"\b(yes|no,|survives?|higher|lower|more|fewer|less|rises?|falls?|differs?|goes|tells?)\b"
)
_HEDGES: Mapping[Says, re.Pattern[str]] = {
    Says.NOT_SHOWN: re.compile(
        r"not shown|none of(.* survives?)?|no .* is shown|leaves? open|whether .* stays open"
    ),
    Says.NOT_IDENTIFIED: re.compile(r"not identified"),
    Says.NOT_TESTABLE: re.compile(r"not testable|cannot tell|only|nothing printed (allows|tells)"),
    Says.WRONG_ROWS: re.compile(r"wrong rows"),
    Says.INFERRED: re.compile(r"(very )?probably( not)?|as far as"),
}


def too_strong(says: Says, text: str) -> str:
    """Return what a text says beyond its decision, or nothing.

    A decision that shows something may be told as it is. Every other one has to be named, and
    nothing else in the sentence may assert.
    """
    if says in SHOWN or says is Says.DESCRIBED:
        hedge = re.search(r"not shown|not identified|no evidence", text)
        return f"hedges with {hedge[0]!r}" if hedge and says is not Says.DESCRIBED else ""
    hedged = _HEDGES[says].search(text)
    if hedged is None:
        return f"does not say that it is {says}"
    asserts = _ASSERTS.search(_HEDGES[says].sub("", text))
    return f"asserts with {asserts[0]!r}" if asserts else ""
