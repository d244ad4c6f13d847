"""How an answer's entropy goes with its behaviour, for the front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from report.document.parts import Answer, Piece, Says, Stat, Tally
from report.experiments.answering import (
    SHOWN,
    Phrase,
    answer,
    because,
    compose,
    graded,
    listed,
    of_family,
    sentence_of,
    stands,
    strongest,
)
from report.experiments.base import StudyData, entry_id
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from stats.outcome import Reason

SLUG = "behaviour"
AXES = "Does the entropy of an answer go with its behaviour?"
ZONES = "Do dead zones go with entropy?"

SURVIVE = Phrase(Says.BOTH, "less predictable answers are {which}; {share} correlations {survive}")
SHORT = Phrase(Says.BOTH, "less predictable answers are {which} ({share})")
MANY = Phrase(Says.BOTH, "{share} correlations {survive}, on {axes}")
PHRASES = {
    Says.WRONG_ROWS: Phrase(
        Says.WRONG_ROWS, "{share} correlations stand out, all of them built on wrong rows"
    ),
    Says.NOT_SHOWN: Phrase(Says.NOT_SHOWN, "not shown; none of {m} correlations stands"),
    Says.NOT_IDENTIFIED: Phrase(
        Says.NOT_IDENTIFIED, "not identified; missing probability leaves the order of answers open"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
BRIEF = Phrase(
    Says.NOT_SHOWN, "no correlation of an answer's entropy with an axis is shown ({share})"
)
LENGTH = {
    "all": ", also with length held fixed",
    "some": ", {kept} of them with length held fixed",
    "none": ", none of them with length held fixed",
}
DEAD: Mapping[Says, Phrase] = {
    Says.POSITIVE: Phrase(Says.POSITIVE, "yes, {units} of higher entropy have more dead zones"),
    Says.NEGATIVE: Phrase(
        Says.NEGATIVE, "the other way round, {units} of higher entropy have fewer dead zones"
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "not shown; {units} leave open every correlation in {interval}"
    ),
    Says.NOT_IDENTIFIED: Phrase(
        Says.NOT_IDENTIFIED, "not identified; missing probability leaves the order of means open"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
NO_INTERVAL = Phrase(Says.NOT_SHOWN, "not shown by {units}")
NO_ZONES = Phrase(Says.NOT_TESTABLE, "not testable; there is no dead zone")


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer both questions for each level that has correlations, or dead zones."""
    return tuple(
        one for level in levels(studies, ledger) for one in (*_axes(level), *_zones(level))
    )


def _axes(level: Level) -> Iterator[Answer]:
    family = level.family("behaviour.axis")
    if family is None:
        return
    members = level.members(family)
    grade = graded(level, of_family(family))
    share = Tally(family.id, "share")
    kept = [e for e in members if stands(e, level.study)]
    open_ = sum(e.reason is Reason.NOT_IDENTIFIED for e in members)
    brief: Sequence[Piece] = ()
    if grade.says in SHOWN:
        which = _which(level, kept)
        axes = fmt.count(len({e.axis for e in kept}), "axis", "axes")
        told = {"share": share, "survive": "survives" if len(kept) == 1 else "survive"}
        sentence = SURVIVE(which=which, **told) if which else MANY(axes=axes, **told)
        places = _which(level, kept, values=False)
        brief = SHORT(which=places, share=share) if places else sentence
        sentence = (*sentence, *_given_length(level, kept))
    else:
        size = Tally(family.id, "size")
        sentence = PHRASES[grade.says](m=size, share=share, why=because(members))
    if grade.says is Says.NOT_SHOWN:
        brief = BRIEF(share=share)
    if open_ and grade.says is not Says.NOT_IDENTIFIED:
        sentence = (*sentence, f"; {open_} more not identified")
    known = [e for e in members if e.p is not None and e.value is not None]
    yield answer(AXES, SLUG, level, sentence, strongest(level, kept or known), grade, brief=brief)


def _which(level: Level, kept: Sequence[Entry], *, values: bool = True) -> tuple[Piece, ...]:
    """Say as what the less predictable answers behave, and where; nothing where it is too much."""
    groups: dict[str, list[Entry]] = {}
    for entry in kept:
        axis = level.study.axis(str(entry.axis))
        pole = axis.positive if (entry.value or 0.0) > 0 else axis.negative
        groups.setdefault(f"more {pole}", []).append(entry)
    if len(kept) > fmt.NAMES_UP_TO:
        return ()
    told: list[tuple[Piece, ...]] = []
    for what, entries in groups.items():
        where = [
            (level.label(str(e.model)), *((" (", Stat(e.id, "value"), ")") if values else ()))
            for e in entries
        ]
        if level.several:
            told.append((f"{what} {level.at} ", *listed(where)))
        else:
            told.append((what, *where[0][1:]))
    return listed(told)


def _given_length(level: Level, kept: Sequence[Entry]) -> tuple[Piece, ...]:
    partial = [level.ledger.get(entry_id(SLUG, "partial", str(e.model), str(e.axis))) for e in kept]
    known = [e for e in partial if e is not None and e.p is not None]
    if not known or len(known) < len(kept):
        return ()
    n = sum(stands(e, level.study) for e in known)
    key = "all" if n == len(known) else "some" if n else "none"
    return compose(LENGTH[key], kept=fmt.count(n))


def _zones(level: Level) -> Iterator[Answer]:
    rho = level.entry(SLUG, "dead-zones")
    if rho is None or rho.estimate.n < 2:
        return
    grade = graded(level, rho.id)
    units = fmt.count(rho.estimate.n, level.cohort.unit)
    counts = [e.value for e in level.entries(SLUG, "zones")]
    if grade.says is Says.NOT_TESTABLE and counts and not any(counts):
        yield answer(ZONES, SLUG, level, NO_ZONES(), (), grade)
        return
    bare = grade.says is Says.NOT_SHOWN and rho.estimate.interval is None
    phrase = NO_INTERVAL if bare else DEAD[grade.says]
    sentence = phrase(units=units, interval=Stat(rho.id, "ci"), why=because([rho]))
    number = (sentence_of(rho, level.ledger),) if rho.value is not None else ()
    yield answer(ZONES, SLUG, level, sentence, number, grade)
