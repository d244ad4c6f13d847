"""How far mean entropies differ, for the front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from report.document.parts import Answer, Grade, Piece, Says, Stat, Tally
from report.experiments.answering import (
    SHOWN,
    Phrase,
    answer,
    because,
    compose,
    graded,
    of_family,
    possible,
)
from report.experiments.base import StudyData
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger

SLUG = "generation"
QUESTION = "How far do sources differ in mean entropy?"
ALONE = "How high is the mean entropy of an answer's tokens?"

RANGE = "means run from {low} ({lowest}) to {high} nats ({highest}); "
TESTS = {
    Says.WRONG_ROWS: Phrase(Says.WRONG_ROWS, "the tests of their differences rest on wrong rows"),
    Says.NOT_SHOWN: Phrase(Says.NOT_SHOWN, "a difference is not shown in any of {m} pairs"),
    Says.NOT_IDENTIFIED: Phrase(
        Says.NOT_IDENTIFIED, "not identified; missing probability leaves the differences open"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "differences are not testable; {why}"),
}
DIFFER = Phrase(Says.BOTH, "{share} pairs{possible} differ")
STEPS = {
    True: Phrase(
        Says.BOTH, "entropy rises with every step of {intervention} ({low} to {high} nats)"
    ),
    False: Phrase(
        Says.BOTH, "entropy falls with every step of {intervention} ({high} to {low} nats)"
    ),
}


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer for each level that has a mean."""
    found = (_answer(level) for level in levels(studies, ledger))
    return tuple(one for one in found if one is not None)


def _answer(level: Level) -> Answer | None:
    means = [e for e in level.entries(SLUG, "mean") if e.value is not None]
    if not means:
        return None
    described = graded(level, *(e.id for e in means), of="means")
    family = level.family("generation.pairs")
    if len(means) == 1 or family is None:
        return _alone(level, means, Grade(described.says, described.rests_on))
    tests = graded(level, of_family(family), of="tests")
    grades = (tests, described) if tests.says in SHOWN else (described, tests)
    grades = grades[:1] if tests.says in SHOWN else grades
    low, high = min(means, key=_value), max(means, key=_value)
    ends = {"low": Stat(low.id, "value"), "high": Stat(high.id, "value")}
    number = compose("{low} → {high} nats", **ends)
    if tests.says is not Says.WRONG_ROWS:
        number += compose(
            "; {share} pairs{possible} differ ({rule})",
            possible=possible(family, "compared"),
            share=Tally(family.id, "share"),
            rule=fmt.RULES[family.method],
        )
    steps = _steps(level, means, family) if tests.says in SHOWN else None
    if steps is not None:
        sentence = STEPS[steps](intervention=level.cohort.intervention, **ends)
        return answer(QUESTION, SLUG, level, sentence, number, *grades, brief=sentence)
    sentence = compose(RANGE, lowest=_label(level, low), highest=_label(level, high), **ends)
    told = (
        DIFFER(share=Tally(family.id, "share"), possible=possible(family, "compared"))
        if tests.says in SHOWN
        else TESTS[tests.says](m=Tally(family.id, "size"), why=because(level.members(family)))
    )
    brief = compose(
        RANGE.removesuffix("; "), lowest=_label(level, low), highest=_label(level, high), **ends
    )
    if tests.says is not Says.WRONG_ROWS:
        brief = (*brief, "; ", *told)
    return answer(QUESTION, SLUG, level, (*sentence, *told), number, *grades, brief=brief)


def _alone(level: Level, means: Sequence[Entry], grade: Grade) -> Answer:
    low, high = min(means, key=_value), max(means, key=_value)
    if low is high:
        sentence = compose(
            "{mean} nats {at} {name}",
            mean=Stat(low.id, "value"),
            at=level.at,
            name=_label(level, low),
        )
    else:
        sentence = compose(
            RANGE.removesuffix("; "),
            low=Stat(low.id, "value"),
            high=Stat(high.id, "value"),
            lowest=_label(level, low),
            highest=_label(level, high),
        )
    number: tuple[Piece, ...] = (Stat(low.id, "apa"),) if low is high else ()
    brief = compose("mean entropy: {sentence}", sentence=sentence)
    return answer(
        ALONE if low is high else QUESTION, SLUG, level, sentence, number, grade, brief=brief
    )


def _steps(level: Level, means: Sequence[Entry], family: Family) -> bool | None:
    """Tell whether the mean rises, or falls, with every step of what was varied.

    None where nothing was varied, a pair of conditions is not shown to differ, or the means
    turn round.
    """
    members = level.members(family)
    settings = {e.id: level.model(e).level for e in means}
    if not level.cohort.intervention or not all(e.rejected for e in members):
        return None
    if any(setting is None for setting in settings.values()):
        return None
    in_order = sorted(means, key=lambda e: settings[e.id] or 0.0)
    rising = [_value(a) < _value(b) for a, b in pairwise(in_order)]
    return rising[0] if len(set(rising)) == 1 else None


def _label(level: Level, entry: Entry) -> str:
    return level.label(str(entry.model))


def _value(entry: Entry) -> float:
    return entry.value or 0.0
