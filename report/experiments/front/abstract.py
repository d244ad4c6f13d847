"""The abstract: what each level answers, in at most 200 words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from report.document.parts import Answer, Piece, Says, text_of
from report.experiments.answering import joined
from report.experiments.base import StudyData
from report.ledger.ledger import Ledger

MOST_WORDS = 200
_LEAST = (Says.NOT_TESTABLE, Says.DESCRIBED, Says.NOT_IDENTIFIED, Says.NOT_SHOWN)
"""What is left out first where words are too many: what is said least."""


def n_words(text: str) -> int:
    """Count words as authors do: what stands between spaces."""
    return len(text.split())


def abstract(
    studies: Sequence[StudyData],
    answers: Sequence[Answer],
    names: Mapping[tuple[str, str, bool], str],
    ledger: Ledger,
) -> tuple[Piece, ...]:
    """Write the abstract: the studies' own summaries, then what is answered, level by level.

    Where that takes more than `MOST_WORDS`, the answers that say least are left out; the table of
    answers has them all.
    """
    summaries = [re.sub(r"\s+", " ", data.study.summary).strip() for data in studies]
    told = [answer for answer in answers if answer.brief]
    while True:
        text = joined([*_summaries(summaries), *_levels(told, names)])
        if n_words(text_of(text, ledger)) <= MOST_WORDS or not told:
            return text
        told.remove(_least(told))


def _summaries(summaries: Sequence[str]) -> list[Piece]:
    return [f"{summary} " for summary in summaries if summary]


def _least(told: Sequence[Answer]) -> Answer:
    """Choose the answer that says least; of equals the last, and the first question at the end."""
    rank = {says: i for i, says in enumerate(_LEAST)}
    first = told[0].question
    return min(reversed(told), key=lambda a: (a.question == first, rank.get(a.says, len(rank))))


def _levels(told: Sequence[Answer], names: Mapping[tuple[str, str, bool], str]) -> list[Piece]:
    pieces: list[Piece] = []
    for level, name in names.items():
        briefs = [a.brief for a in told if a.level == level]
        if not briefs:
            continue
        pieces.append(" " if pieces else "")
        pieces.append(_head(name, len(names), published=level[2]))
        for i, brief in enumerate(briefs):
            pieces += [*("; " if i else ""), *brief]
        pieces.append(".")
    return pieces


def _head(name: str, n_levels: int, *, published: bool) -> str:
    if published:
        return f"As {name}, "
    return f"Measured in {name}: " if n_levels > 1 and name != "captures" else "Measured: "
