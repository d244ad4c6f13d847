"""Whether entropies of single answers can be used, for the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from report.document.parts import Answer, Grade, Says, Stat
from report.experiments.answering import Phrase, answer, compose, graded
from report.experiments.base import StudyData
from report.experiments.integrity.entries import SLUG
from report.experiments.level import Level, levels
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger

QUESTION = "Can the entropies of single answers be used?"

PRINTED_WRONG = Phrase(
    Says.INFERRED, "very probably not; what is printed fits {n} questions, and {asked} were asked"
)
BRIEF = Phrase(
    Says.INFERRED,
    "single answers were very probably cut at wrong rows: what is built on their entropies is no "
    "evidence",
)
PRINTED_LOST = Phrase(Says.INFERRED, "very probably not; answers were cut where no rows are left")
PRINTED_RIGHT = Phrase(
    Says.INFERRED, "as far as the evidence reaches, what is printed fits all {asked} questions"
)
PRINTED_SILENT = Phrase(Says.NOT_TESTABLE, "nothing printed tells how answers were cut")
COUNTED = Phrase(Says.DESCRIBED, "yes, {captures} cut by token counts")
WRONGLY = "; cut at wrong rows their entropies correlate with the right ones at {low} to {high}"
WRONGLY_ONE = "; cut at wrong rows the entropies correlate with the right ones at {low}"


def answers(studies: Sequence[StudyData], ledger: Ledger) -> tuple[Answer, ...]:
    """Answer for each level of which entropies of answers are printed, or captured."""
    return tuple(one for level in levels(studies, ledger) for one in _answer(level))


def _answer(level: Level) -> Iterator[Answer]:
    if level.published:
        yield from _printed(level)
    else:
        yield from _captured(level)


def _printed(level: Level) -> Iterator[Answer]:
    study = level.study
    if not any(study.published.get(name) for name in ("behaviour", "calibration")):
        return
    supported = [e for e in level.entries(SLUG, "supported") if e.value is not None]
    asked = str(study.n_questions)
    if not supported:
        yield answer(QUESTION, SLUG, level, PRINTED_SILENT(), (), graded(level))
        return
    grade = graded(level, *(e.id for e in supported))
    if not study.misaligned:
        yield answer(QUESTION, SLUG, level, PRINTED_RIGHT(asked=asked), (), grade)
        return
    fewer = [e for e in supported if (e.value or 0.0) < study.n_questions]
    if not fewer:
        yield answer(QUESTION, SLUG, level, PRINTED_LOST(), (), grade)
        return
    low, high = min(fewer, key=_value), max(fewer, key=_value)
    n = compose("{low}", low=Stat(low.id, "value"))
    if low.value != high.value:
        n = compose("{low} or {high}", low=Stat(low.id, "value"), high=Stat(high.id, "value"))
    sentence = PRINTED_WRONG(n=n, asked=asked)
    yield answer(QUESTION, SLUG, level, sentence, (), grade, brief=BRIEF())


def _captured(level: Level) -> Iterator[Answer]:
    features = level.data.features
    keys = {m.key for m in level.study.cohort_models(level.cohort.key)}
    captures = [
        c
        for held in (features.baselines, features.calibrations)
        for key, c in held.items()
        if key in keys
    ]
    if not captures or any(not c.boundaries for c in captures):
        return
    agreement = [e for e in level.entries(SLUG, "right-wrong") if e.value is not None]
    sentence = COUNTED(
        captures=f"{fmt.count(len(captures), 'capture')} are"
        if len(captures) > 1
        else "the capture is"
    )
    grade = graded(level, *(e.id for e in agreement))
    if not agreement:
        grade = Grade(Says.DESCRIBED, ())
        yield answer(QUESTION, SLUG, level, sentence, (), grade)
        return
    low, high = min(agreement, key=_value), max(agreement, key=_value)
    ends = {"low": Stat(low.id, "value"), "high": Stat(high.id, "value")}
    many = len(agreement) > 1
    sentence += compose(WRONGLY if many else WRONGLY_ONE, **ends)
    number = compose(f"right against wrong rows: ρ = {{low}}{' to {high}' * many}", **ends)
    yield answer(QUESTION, SLUG, level, sentence, number, grade)


def _value(entry: Entry) -> float:
    return entry.value or 0.0
