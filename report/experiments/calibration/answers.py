"""Which instructions change entropy, for the front."""

from __future__ import annotations

from collections.abc import Sequence

from report.document.parts import Answer, Piece, Says, Stat, Tally
from report.experiments.answering import (
    SHOWN,
    Phrase,
    answer,
    because,
    compose,
    graded,
    joined,
    listed,
    of_family,
    sentence_of,
    stands,
)
from report.experiments.base import StudyData
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from stats.outcome import Reason

SLUG = "calibration"
QUESTION = "Which instructions change the entropy of answers?"

PHRASES = {
    Says.WRONG_ROWS: Phrase(
        Says.WRONG_ROWS,
        "{share} contrasts of opposite poles stand out, all of them built on wrong rows",
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "not shown; none of {m} contrasts of opposite poles stands"
    ),
    Says.NOT_IDENTIFIED: Phrase(
        Says.NOT_IDENTIFIED, "not identified; missing probability leaves the signs open"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
BRIEF = Phrase(Says.NOT_SHOWN, "no instruction is shown to change entropy")
SIDES = {-1: "lower under {poles}", 1: "higher under {poles}"}
LENGTH = "; length is not ruled out"


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer for each level that was calibrated."""
    found = (_answer(level) for level in levels(studies, ledger))
    return tuple(one for one in found if one is not None)


def _answer(level: Level) -> Answer | None:
    family = level.family("calibration.poles")
    if family is None:
        return None
    members = level.members(family)
    if all(e.reason is Reason.MISSING_CAPTURE for e in members):
        return None
    grade = graded(level, of_family(family))
    kept = [e for e in members if stands(e, level.study)]
    share = Tally(family.id, "share")
    brief: Sequence[Piece] = ()
    if grade.says in SHOWN:
        sentence = (*_sides(level, kept), *_rest(level, members), LENGTH)
        brief = ("entropy is ", *_sides(level, kept, values=False), " than the opposite pole")
    else:
        size = Tally(family.id, "size")
        sentence = PHRASES[grade.says](m=size, share=share, why=because(members))
    if grade.says is Says.NOT_SHOWN:
        brief = BRIEF()
    known = [e for e in members if e.p is not None and e.value is not None]
    number = _largest(level, kept or known)
    return answer(QUESTION, SLUG, level, sentence, number, grade, brief=joined(brief))


def _sides(level: Level, kept: Sequence[Entry], *, values: bool = True) -> tuple[Piece, ...]:
    """Say under which poles entropy is lower, and under which it is higher."""
    calibrated = {e.model for e in level.entries(SLUG, "delta") if e.value is not None}
    sides: list[tuple[Piece, ...]] = []
    for sign, words in SIDES.items():
        side = [e for e in kept if (e.value or 0.0) * sign > 0]
        poles: dict[str, list[Entry]] = {}
        for entry in side:
            poles.setdefault(level.study.axis(str(entry.axis)).positive, []).append(entry)
        if poles:
            told = [
                _pole(level, pole, found, len(calibrated)) if values else (pole,)
                for pole, found in poles.items()
            ]
            sides.append(compose(words, poles=listed(told)))
    between = "; " if values else " and "
    return joined(piece for i, side in enumerate(sides) for piece in ((between,) * (i > 0) + side))


def _pole(level: Level, pole: str, found: Sequence[Entry], models: int) -> tuple[Piece, ...]:
    if models == 1:
        rule = level.ledger.families[found[0].family]
        holm = found[0].p_adjusted.get("holm", 0.0) > rule.alpha and rule.method != "holm"
        marked = f", by {fmt.RULES[rule.method]} and not by Holm" if holm else ""
        return (f"{pole} (", Stat(found[0].id, "signed"), f"{marked})")
    if len(found) <= 2:
        return (f"{pole} ({level.at} ", *listed([(level.label(str(e.model)),) for e in found]), ")")
    return (f"{pole} ({fmt.out_of(len(found), models, level.cohort.unit)})",)


def _rest(level: Level, members: Sequence[Entry]) -> tuple[Piece, ...]:
    """Name the axes on which nothing is shown, and those on which nothing is identified."""
    stood = {e.axis for e in members if stands(e, level.study)}
    tested = {e.axis for e in members if e.p is not None} - stood
    open_ = {e.axis for e in members if e.reason is Reason.NOT_IDENTIFIED} - stood - tested
    text = ""
    for axes, said in ((tested, "not shown"), (open_, "not identified")):
        names = [a.positive for a in level.study.axes if a.key in axes]
        if names:
            text += f"; {said} for {fmt.listing(names)}"
    return (text,) if text else ()


def _largest(level: Level, entries: Sequence[Entry]) -> tuple[Piece, ...]:
    if not entries:
        return ()
    first = max(entries, key=lambda e: abs(e.value or 0.0))
    axis = level.study.axis(str(first.axis))
    several = len({e.model for e in level.entries(SLUG, "delta") if e.value is not None}) > 1
    return compose(
        "{name}{positive} minus {negative}: {stat}",
        name=f"{level.label(str(first.model))}, " if several else "",
        positive=axis.positive,
        negative=axis.negative,
        stat=sentence_of(first, level.ledger),
    )
