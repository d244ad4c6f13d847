"""What the n = 6 question comes to, for the front."""

from __future__ import annotations

from collections.abc import Sequence

from report.document.parts import Answer, Piece, Says, Stat
from report.experiments.answering import Phrase, answer, because, compose, decide, graded
from report.experiments.base import StudyData
from report.experiments.dimension.group import SLUG
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger

QUESTION = "Does a higher mean entropy go with a higher effective dimension?"

PHRASES = {
    Says.POSITIVE: Phrase(
        Says.POSITIVE, "yes, of {units} those of higher entropy have the higher dimension"
    ),
    Says.NEGATIVE: Phrase(
        Says.NEGATIVE,
        "the other way round, of {units} those of higher entropy have the lower dimension",
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "not shown; {units} leave open every correlation in {interval}"
    ),
    Says.NOT_IDENTIFIED: Phrase(
        Says.NOT_IDENTIFIED, "not identified; missing probability leaves the order of means open"
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
    Says.DESCRIBED: Phrase(Says.DESCRIBED, "described by ρ alone; no test can be made"),
}
NO_INTERVAL = Phrase(Says.NOT_SHOWN, "not shown by {units}")
CORRECTED = {
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "; with bias-corrected dimensions ρ is {value}, not shown"
    ),
    Says.POSITIVE: Phrase(
        Says.POSITIVE, "; with bias-corrected dimensions ρ is {value}, which stands"
    ),
    Says.NEGATIVE: Phrase(
        Says.NEGATIVE, "; with bias-corrected dimensions ρ is {value}, which stands"
    ),
}
STEMS = {
    Says.POSITIVE: Phrase(Says.POSITIVE, "effective dimension rises with mean entropy"),
    Says.NEGATIVE: Phrase(Says.NEGATIVE, "effective dimension falls with mean entropy"),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN, "whether mean entropy goes with effective dimension stays open"
    ),
}


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer for each level that has more than one mean and dimension."""
    found = (_answer(level) for level in levels(studies, ledger))
    return tuple(one for one in found if one is not None)


def _answer(level: Level) -> Answer | None:
    rho = level.entry(SLUG, "rho")
    if rho is None or rho.estimate.n < 2:
        return None
    grade = graded(level, rho.id)
    sentence, number = _sentence(grade.says, rho, level), _number(grade.says, rho, level)
    stem = STEMS[grade.says].text if grade.says in STEMS else ""
    brief: tuple[Piece, ...] = (Stat(rho.id, "apa"),) if stem else ()
    corrected = level.entry(SLUG, "rho-corrected")
    said = Says.NOT_TESTABLE if corrected is None else decide([corrected], level.study)
    if corrected is not None and said in CORRECTED:
        value = Stat(corrected.id, "value")
        sentence = (*sentence, *CORRECTED[said](value=value))
        if brief:
            brief = compose("{rho}, {value} with bias-corrected dimensions", rho=brief, value=value)
    return answer(QUESTION, SLUG, level, sentence, number, grade, brief=brief, stem=stem)


def _sentence(says: Says, rho: Entry, level: Level) -> tuple[Piece, ...]:
    units = fmt.count(rho.estimate.n, level.cohort.unit)
    bare = says is Says.NOT_SHOWN and rho.estimate.interval is None
    phrase = NO_INTERVAL if bare else PHRASES[says]
    return phrase(units=units, interval=Stat(rho.id, "ci"), why=because([rho]))


def _number(says: Says, rho: Entry, level: Level) -> tuple[Piece, ...]:
    if rho.value is None:
        return ()
    number: tuple[Piece, ...] = (Stat(rho.id, "apa"),)
    needed = level.entry(SLUG, "required-reference")
    if says is Says.NOT_SHOWN and needed is not None and needed.value is not None:
        number += compose(
            "; power .8 for ρ = .5 takes {needed} {units}",
            needed=Stat(needed.id, "value"),
            units=f"{level.cohort.unit}s",
        )
    return number
