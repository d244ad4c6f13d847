"""Where activation entropy goes with an axis, for the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from report.document.parts import Answer, Piece, Says, Stat, Tally
from report.experiments.answering import (
    SHOWN,
    Phrase,
    answer,
    because,
    compose,
    graded,
    of_family,
    possible,
    stands,
    strongest,
)
from report.experiments.base import StudyData
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from stats.outcome import Reason

SLUG = "signature"
PEAKS = "At which layers does activation entropy go with an axis?"
SHARED = "Do two sources share a layer signature?"

SURVIVE = Phrase(Says.BOTH, "{share} peaks {survive} the search over layers{where}")
PHRASES = {
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "not shown; none of {m} peaks stands after the search over layers"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
STEM = "layer peaks surviving the search"
ALIKE = {
    Says.POSITIVE: Phrase(
        Says.POSITIVE, "{share} pairs{possible} {are} more alike than chance{which}"
    ),
    Says.NEGATIVE: Phrase(
        Says.NEGATIVE, "{share} pairs{possible} {are} less alike than chance{which}"
    ),
    Says.BOTH: Phrase(
        Says.BOTH, "{share} pairs{possible} {are} more, or less, alike than chance{which}"
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "not shown; none of {m} pairs stands out against chance"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
ALONE = "; {n} would pass if their layers had been chosen before"
BRIEF = {
    says: Phrase(
        says, "{share} pairs{possible} {are} " + words + " alike in layer signature than chance"
    )
    for says, words in (
        (Says.POSITIVE, "more"),
        (Says.NEGATIVE, "less"),
        (Says.BOTH, "more, or less,"),
    )
}
ONLY_PEAKS = Phrase(Says.NOT_TESTABLE, "peaks alone cannot tell")


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer both questions for each level that has peaks."""
    return tuple(
        one for level in levels(studies, ledger) for one in (*_peaks(level), *_shared(level))
    )


def _peaks(level: Level) -> Iterator[Answer]:
    family = level.family("signature.peaks")
    if family is None:
        return
    members = level.members(family)
    if all(e.reason is Reason.MISSING_CAPTURE for e in members):
        return
    grade = graded(level, of_family(family))
    kept = [e for e in members if stands(e, level.study)]
    share, m = Tally(family.id, "share"), Tally(family.id, "size")
    brief: Sequence[Piece] = ()
    if grade.says in SHOWN:
        models = list(dict.fromkeys(level.label(str(e.model)) for e in kept))
        where = f", {level.at} {fmt.few(models, level.cohort.unit)}" if level.several else ""
        survive = "survives" if len(kept) == 1 else "survive"
        sentence = SURVIVE(share=share, where=where, survive=survive)
        brief = (share,)
    elif grade.says is Says.NOT_SHOWN:
        sentence = PHRASES[grade.says](m=m)
        alone = level.entry(SLUG, "alone")
        if alone is not None and alone.value:
            sentence += compose(ALONE, n=Stat(alone.id, "value"))
        brief = (share,)
    else:
        sentence = PHRASES[Says.NOT_TESTABLE](why=because(members))
    known = [e for e in members if e.p is not None]
    number = strongest(level, kept or known)
    yield answer(PEAKS, SLUG, level, sentence, number, grade, brief=brief, stem=STEM)


def _shared(level: Level) -> Iterator[Answer]:
    family = level.family("signature.similarities")
    if family is None:
        peaks = {e.model for e in level.entries(SLUG, "peak") if e.value is not None}
        if level.published and len(peaks) > 1:
            yield answer(SHARED, SLUG, level, ONLY_PEAKS(), (), graded(level))
        return
    members = level.members(family)
    if all(e.reason is Reason.MISSING_CAPTURE for e in members):
        return
    grade = graded(level, of_family(family))
    kept = [e for e in members if stands(e, level.study)]
    places: dict[str, Piece] = {
        "share": Tally(family.id, "share"),
        "m": Tally(family.id, "size"),
        "which": _pair(level, kept),
        "possible": possible(family, "compared"),
        "are": "is" if len(kept) == 1 else "are",
        "why": because(members),
    }
    sentence = ALIKE.get(grade.says, ALIKE[Says.NOT_TESTABLE])(**places)
    brief = BRIEF[grade.says](**places) if grade.says in SHOWN else ()
    known = kept or [e for e in members if e.p is not None]
    first = min(known, key=lambda e: e.p or 0.0, default=None)
    number: tuple[Piece, ...] = ()
    if first is not None:
        number = compose(
            "r = {r}, {p}",
            r=Stat(first.id, "value"),
            p=Stat(first.id, f"adjusted=:{family.method}"),
        )
    yield answer(SHARED, SLUG, level, sentence, number, grade, brief=brief)


def _pair(level: Level, kept: Sequence[Entry]) -> str:
    """Name the pair, where it is one."""
    if len(kept) != 1:
        return ""
    return f" ({fmt.listing([level.label(key) for key in str(kept[0].model).split()])})"
