"""What the layers' entropies tell of their source, for the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from report.document.parts import Answer, Says, Stat
from report.experiments.answering import Phrase, answer, because, compose, graded
from report.experiments.base import StudyData
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger

SLUG = "layers"
IDENTIFIES = "Does the profile of activation entropy over layers identify its source?"
WIDTH = "How wide is the profile of activation entropy over layers?"

PHRASES = {
    Says.POSITIVE: Phrase(
        Says.POSITIVE,
        "yes, of the answers {accuracy} are nearest to the profile of their own "
        "{unit}, where guessing finds one in {units}",
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN,
        "not shown; of the answers {accuracy} are nearest to the profile of their "
        "own {unit}, and guessing finds one in {units}",
    ),
    Says.NOT_TESTABLE: Phrase(Says.NOT_TESTABLE, "not testable; {why}"),
}
BRIEF = {
    Says.POSITIVE: Phrase(
        Says.POSITIVE, "layer profiles identify their {unit} (accuracy {accuracy}, {p})"
    ),
    Says.NOT_SHOWN: Phrase(
        Says.NOT_SHOWN,
        "layer profiles are not shown to identify their {unit}",
    ),
}
ONLY_RANGES = Phrase(Says.NOT_TESTABLE, "only ranges are printed")
ENDS = Phrase(
    Says.DESCRIBED, "narrowest {at} {narrowest} ({low} nats), widest {at} {widest} ({high})"
)
ONE = Phrase(Says.DESCRIBED, "{width} nats {at} {name}")


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer both questions for each level that has profiles, or their ranges."""
    return tuple(
        one for level in levels(studies, ledger) for one in (*_identifies(level), *_width(level))
    )


def _identifies(level: Level) -> Iterator[Answer]:
    found = level.entry(SLUG, "classification")
    widths = [e for e in level.entries(SLUG, "width") if e.value is not None]
    if found is None:
        if level.published and len(widths) > 1:
            grade = graded(level)
            yield answer(IDENTIFIES, SLUG, level, ONLY_RANGES(), (), grade)
        return
    if len(widths) < 2:  # there is nothing to be told apart
        return
    grade, unit = graded(level, found.id), level.cohort.unit
    if grade.says not in BRIEF:
        sentence = PHRASES[Says.NOT_TESTABLE](why=because([found]))
        yield answer(IDENTIFIES, SLUG, level, sentence, (), grade)
        return
    accuracy, units = Stat(found.id, "value"), fmt.count(len(_profiles(level)))
    number = compose(
        "accuracy {accuracy} {interval}, {p}",
        accuracy=accuracy,
        interval=Stat(found.id, "ci"),
        p=Stat(found.id, "p="),
    )
    places = {"accuracy": accuracy, "p": Stat(found.id, "p=")}
    brief = BRIEF[grade.says](unit=unit, **places)
    sentence = PHRASES[grade.says](accuracy=accuracy, unit=unit, units=units)
    yield answer(IDENTIFIES, SLUG, level, sentence, number, grade, brief=brief)


def _profiles(level: Level) -> set[str | None]:
    return {e.model for e in level.entries(SLUG, "width") if e.value is not None}


def _width(level: Level) -> Iterator[Answer]:
    widths = [e for e in level.entries(SLUG, "width") if e.value is not None]
    if not widths:
        return
    low, high = min(widths, key=_value), max(widths, key=_value)
    grade = graded(level, *(e.id for e in widths))
    if len(widths) == 1:
        sentence = ONE(width=Stat(low.id, "value"), at=level.at, name=_label(level, low))
        yield answer(WIDTH, SLUG, level, sentence, (Stat(low.id, "apa"),), grade)
        return
    sentence = ENDS(
        at=level.at,
        narrowest=_label(level, low),
        low=Stat(low.id, "value"),
        widest=_label(level, high),
        high=Stat(high.id, "value"),
    )
    ratio = level.entry(SLUG, "width-ratio")
    if ratio is not None and ratio.value is not None:
        number = compose("widest / narrowest: {ratio}", ratio=Stat(ratio.id, "value"))
    else:
        number = compose(
            "{low} to {high} nats", low=Stat(low.id, "value"), high=Stat(high.id, "value")
        )
    yield answer(WIDTH, SLUG, level, sentence, number, grade)


def _label(level: Level, entry: Entry) -> str:
    return level.label(str(entry.model))


def _value(entry: Entry) -> float:
    return entry.value or 0.0
