"""The front: the answers of all experiments, and what they rest on, before any section."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from report.document.parts import Answer, Piece, Ref, Says, Section, Table, text_of
from report.document.tables import left, right
from report.experiments.answering import SHOWN, joined
from report.experiments.base import StudyData
from report.experiments.claims.todo import TodoList
from report.experiments.front.abstract import abstract
from report.experiments.front.figure import figure
from report.experiments.front.own import with_own
from report.experiments.level import levels
from report.ledger.ledger import Ledger

SLUG = "front"
FIRST = "dimension"  # the question of n = 6 leads

_PRINTED: Mapping[Says, str] = {
    **dict.fromkeys(SHOWN, "as printed"),
    Says.DESCRIBED: "as printed, no test",
    Says.NOT_SHOWN: "as printed: not shown",
    Says.WRONG_ROWS: "printed: wrong rows, not evidence",
    Says.INFERRED: "printed: inferred",
    Says.NOT_TESTABLE: "printed: not testable",
    Says.NOT_IDENTIFIED: "printed: not identified",
}
_CAPTURED: Mapping[Says, str] = {
    **dict.fromkeys(SHOWN, "measured"),
    Says.DESCRIBED: "measured, no test",
    Says.INFERRED: "inferred",
}
_WORTH = (Says.DESCRIBED, Says.NOT_SHOWN, Says.NOT_IDENTIFIED, Says.INFERRED, Says.WRONG_ROWS)
"""Whose number stands in a row where no level shows anything: the first of these."""

_MEANINGS = {
    "measured": "from captures, tests decided after correction",
    "simulated": "from simulated captures, tests decided after correction",
    "as printed": "computed from the study's tables",
    "wrong rows": "printed, and built on answers very probably cut at wrong rows",
    "inferred": "concluded from what is printed, not measured",
    "not shown": "the test does not stand after correction, which is no evidence of absence",
    "not identified": "missing probability leaves it open",
    "not testable": "the numbers that it needs are not there",
}
_NO_ABSENCE = "No smallest effect of interest is declared, so absence is concluded nowhere."


def present(
    studies: Sequence[StudyData],
    ledger: Ledger,
    sections: Sequence[Section],
    todos: Sequence[TodoList],
    *,
    quick: bool = False,
) -> Section:
    """Describe the front of a document.

    Parameters
    ----------
    studies : sequence of StudyData
    ledger : Ledger
    sections : sequence of Section
        In the order of the document: their answers are collected.
    todos : sequence of TodoList
        One a study.
    quick : bool
        Whether the numbers rest on few resamples.

    Raises
    ------
    InputError
        If a study's own words say what the ledger does not bear.
    """
    answers = with_own(_ordered(sections), studies, ledger, quick=quick)
    names = level_names(studies, answers)
    numbers = {section.slug: number for number, section in enumerate(sections, start=1)}
    tables = [_answers(answers, names, _simulated(studies))] if answers else []
    tables += [
        _todos(todo, data.study.id, numbers)
        for data, todo in zip(studies, todos, strict=True)
        if todo.items
    ]
    whole = figure(levels(studies, ledger), names)
    drawn = () if whole is None else (whole,)
    facts = {
        "answers": bool(answers),
        "figures": tuple(f.id for f in drawn),
        "todos": [(data.study, todo) for data, todo in zip(studies, todos, strict=True) if todo],
        "abstract": abstract(studies, answers, names, ledger),
    }
    return Section(SLUG, "", facts, drawn, tuple(tables), tuple(answers), folder="")


def write(section: Section, ledger: Ledger, folder: Path) -> None:
    """Write ``answers.json``: every answer, and the evidence that it rests on."""
    rows = [
        {
            "question": answer.question,
            "experiment": answer.experiment,
            "study": answer.study,
            "cohort": answer.cohort,
            "published": answer.published,
            "sentence": text_of(answer.sentence, ledger),
            "number": text_of(answer.number, ledger),
            "evidence": [
                {"of": grade.of, "says": str(grade.says), "rests_on": list(grade.rests_on)}
                for grade in answer.grades
            ],
        }
        for answer in section.answers
    ]
    text = json.dumps({"answers": rows}, ensure_ascii=False, indent=1) + "\n"
    (folder / "answers.json").write_text(text, encoding="utf-8")


def _ordered(sections: Sequence[Section]) -> list[Answer]:
    """Collect the answers: the first question first, and what was done as a check last."""
    ordered = sorted(sections, key=lambda s: (s.slug != FIRST, s.demonstration))
    return [answer for section in ordered for answer in section.answers]


def _simulated(studies: Sequence[StudyData]) -> frozenset[str]:
    return frozenset(data.study.id for data in studies if data.study.synthetic)


def level_names(
    studies: Sequence[StudyData], answers: Sequence[Answer]
) -> dict[tuple[str, str, bool], str]:
    """Name the levels of a document, as short as they can be told apart.

    Published numbers are called ``printed``, captures after the family that all of their models
    are of, or ``captures``. Where two would be called the same, the title of the cohort follows.
    """
    by_id = {data.study.id: data.study for data in studies}
    short: dict[tuple[str, str, bool], str] = {}
    full: dict[tuple[str, str, bool], str] = {}
    for level in dict.fromkeys(answer.level for answer in answers):
        study, cohort, published = level
        (title,) = (c.title for c in by_id[study].cohorts if c.key == cohort)
        families = {m.family for m in by_id[study].cohort_models(cohort)}
        family = families.pop() if len(families) == 1 else ""
        short[level] = "printed" if published else family or "captures"
        full[level] = f"printed ({title})" if published else title
    taken = list(short.values())
    return {key: full[key] if taken.count(name) > 1 else name for key, name in short.items()}


# --- the table of answers ---------------------------------------------------------------


def _answers(
    answers: Sequence[Answer], names: Mapping[tuple[str, str, bool], str], simulated: frozenset[str]
) -> Table:
    """Set the answers of all levels to one question in one row."""
    several = len(names) > 1
    rows: list[tuple[str, str, tuple[Piece, ...], tuple[Piece, ...], str]] = []
    for number, question in enumerate(dict.fromkeys(a.question for a in answers), start=1):
        same = [a for a in answers if a.question == question]
        told = [_told(a, names[a.level] if several else "") for a in same]
        evidence = [word for a in same for word in _evidence(a, names[a.level], several, simulated)]
        rows.append(
            (
                str(number),
                question,
                joined(piece for i, one in enumerate(told) for piece in ((" ",) * (i > 0) + one)),
                _carrying(same),
                "; ".join(evidence),
            )
        )
    return Table(
        "answers",
        "The questions and their answers.",
        (right("#"), left("Question"), left("Answer"), left("The number"), left("Evidence")),
        tuple(rows),
        note=_note([row[-1] for row in rows]),
        widths=(3, 21, 36, 23, 17),
    )


def _told(answer: Answer, name: str) -> tuple[Piece, ...]:
    """Write an answer as a sentence, after the name of its level where there are several."""
    first, *rest = (_unbroken(piece) for piece in answer.sentence)
    if name:
        return (*joined([f"{_capital(name)}: ", first, *rest]), ".")
    return (_capital(first) if isinstance(first, str) else first, *rest, ".")


def _unbroken(piece: Piece) -> Piece:
    """Keep the two sides of an equation, a temperature's name say, on one line."""
    return piece.replace(" = ", "\u00a0=\u00a0") if isinstance(piece, str) else piece


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _carrying(same: Sequence[Answer]) -> tuple[Piece, ...]:
    """Return the number of the answer with the best evidence."""
    numbered = [a for a in same if a.number]
    return min(numbered, key=_worth).number if numbered else ("—",)


def _worth(answer: Answer) -> tuple[int, bool]:
    """Rank the evidence of an answer: what is shown first, and measured before printed."""
    if answer.says in SHOWN:
        return -1, answer.published
    return (_WORTH.index(answer.says) if answer.says in _WORTH else len(_WORTH)), False


def _evidence(answer: Answer, name: str, several: bool, simulated: frozenset[str]) -> list[str]:
    """Say what kind of evidence an answer rests on, side by side where it has several."""
    several_sides = len(answer.grades) > 1
    words: list[str] = []
    for grade in answer.grades:
        if answer.published:
            word = _PRINTED[grade.says]
            word = word if name == "printed" else word.replace("printed", name, 1)
        else:
            word = _CAPTURED.get(grade.says, str(grade.says))
            word = word.replace("measured", "simulated") if answer.study in simulated else word
            word = f"{name}: {word}" if several else word
        if several_sides and grade.says is Says.DESCRIBED:
            word = f"{grade.of} {word.removesuffix(', no test')}"
        elif several_sides:
            word = f"{grade.of}: {word.removeprefix(f'{name}: ')}"
        words.append(word.replace(";", ","))
    return words


def _note(evidence: Sequence[str]) -> str:
    """Explain the words that the table uses, and no others."""
    used = " ".join(evidence)
    told = [
        f"*{_capital(word)}*: {meaning}." for word, meaning in _MEANINGS.items() if word in used
    ]
    return " ".join((*told, _NO_ABSENCE))


# --- to do ------------------------------------------------------------------------------


def _todos(todo: TodoList, study: str, numbers: Mapping[str, int]) -> Table:
    rows: list[tuple[str, str, tuple[Piece, ...], tuple[Piece, ...]]] = []
    for item in todo.items:
        refs = sorted((numbers[s], s) for s in item.sections if s in numbers)
        where = [piece for number, slug in refs for piece in (", ", Ref(slug, number))][1:]
        rows.append((item.todo.item, str(item.state), item.answer, tuple(where)))
    return Table(
        f"todo-{study}",
        "The to-do list of the study, and what became of it.",
        (left("Item"), left("State"), left("Answer"), left("Where")),
        tuple(rows),
        widths=(24, 12, 55, 9),
    )
