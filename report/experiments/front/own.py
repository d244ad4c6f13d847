"""Answers that a study words itself: held against the ledger before they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from report.document.parts import Answer, Grade, Says
from report.experiments.answering import because, decide, resting_on
from report.experiments.base import StudyData
from report.experiments.quoting import NoNumberError, borne, quoted
from report.ledger.ledger import Ledger
from report.study.errors import InputError
from report.study.study import OwnAnswer, Study


def with_own(
    answers: Sequence[Answer], studies: Sequence[StudyData], ledger: Ledger, *, quick: bool = False
) -> list[Answer]:
    """Put a study's own answers in the place of the program's.

    An answer to a question that the program answers too takes its place at that level; others
    follow those of their experiment. Where the data did not give a number that an answer needs,
    the program says so.

    Parameters
    ----------
    answers : sequence of Answer
        The program's, in the order of the document.
    studies : sequence of StudyData
    ledger : Ledger
    quick : bool
        Whether decisions rest on few resamples: an answer that they do not bear gives way to the
        program's then.

    Raises
    ------
    InputError
        If the ledger does not bear what an answer says, or has nothing of a name.
    """
    merged = list(answers)
    for data in studies:
        path = data.study.folder / "study.toml"
        for number, own in enumerate(data.study.answers, start=1):
            try:
                answer = _checked(own, data.study, ledger, path, f"answers.{number}")
            except NoNumberError:
                answer = _not_testable(own, data.study, ledger)
                if any((a.question, a.level) == (answer.question, answer.level) for a in merged):
                    continue
            except InputError:
                if quick:
                    continue
                raise
            _place(answer, merged)
    return merged


def _place(answer: Answer, merged: list[Answer]) -> None:
    for i, other in enumerate(merged):
        if (other.question, other.level) == (answer.question, answer.level):
            merged[i] = answer
            return
    after = [i for i, other in enumerate(merged) if other.experiment == answer.experiment]
    merged.insert(after[-1] + 1 if after else len(merged), answer)


def _not_testable(own: OwnAnswer, study: Study, ledger: Ledger) -> Answer:
    """Say in the place of an answer why the data do not give it."""
    entries = resting_on(own.rests_on, ledger)
    return Answer(
        own.question,
        entries[0].experiment,
        study.id,
        entries[0].cohort,
        entries[0].evidence == "published",
        (f"not testable; {because(entries)}",),
        (),
        (Grade(decide(entries, study), tuple(own.rests_on)),),
    )


def _checked(own: OwnAnswer, study: Study, ledger: Ledger, path: Path, field: str) -> Answer:
    entries = borne(own, study, ledger, path, field)
    cohorts = {cohort.key for cohort in study.cohorts}
    levels = {(entry.cohort, entry.evidence == "published") for entry in entries}
    if len(levels) > 1 or {cohort for cohort, _ in levels} - cohorts:
        raise InputError(
            path,
            f"{field}.rests_on",
            "it does not rest on one level of this study",
            "Name published numbers, or numbers of one of its cohorts, and no others.",
        )
    ((cohort, published),) = levels
    return Answer(
        own.question,
        entries[0].experiment,
        study.id,
        cohort,
        published,
        quoted(own.text, ledger, path, f"{field}.text"),
        quoted(own.number, ledger, path, f"{field}.number") if own.number else (),
        (Grade(Says(own.says), tuple(own.rests_on)),),
        quoted(own.brief, ledger, path, f"{field}.brief") if own.brief else (),
    )
