"""The abstract: what each level answers, in at most 200 words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from report.document.parts import Answer, Piece, Says, Stat, text_of
from report.experiments.answering import joined
from report.experiments.base import StudyData
from report.experiments.counts import CLAIMS
from report.experiments.quoting import quoted
from report.ledger.ledger import Ledger

MOST_WORDS = 200
_VERDICTS = {
    "wrong-rows": " rest on wrong rows",
    "supported": " hold",
    "contradicted": " are contradicted",
    "not-supported": " not supported",
    "not-testable": " not testable",
}
_Names = Mapping[tuple[str, str, bool], str]
_LEAST = (Says.NOT_TESTABLE, Says.DESCRIBED, Says.NOT_IDENTIFIED, Says.NOT_SHOWN)
"""What is left out first where words are too many: what is said least."""


def n_words(text: str) -> int:
    """Count words as authors do: what stands between spaces."""
    return len(text.split())


def abstract(
    studies: Sequence[StudyData],
    answers: Sequence[Answer],
    names: _Names,
    ledger: Ledger,
) -> tuple[Piece, ...]:
    """Write the abstract: the studies' own summaries, then what is answered, level by level.

    Where that takes more than `MOST_WORDS`, the answers that say least are left out; the table of
    answers has them all.
    """
    summaries = [_summary(data, ledger) for data in studies]
    told = [answer for answer in answers if answer.brief]
    while True:
        text = joined(
            [
                *(p for summary in summaries for p in summary),
                *_sentences(told, names),
                *(p for data in studies for p in _claims(data, ledger)),
            ]
        )
        if n_words(text_of(text, ledger)) <= MOST_WORDS or not told:
            return text
        told.remove(_least(told))


def _summary(data: StudyData, ledger: Ledger) -> tuple[Piece, ...]:
    """Put the numbers that a study quotes into its summary."""
    if not data.study.summary.strip():
        return ()
    path = data.study.folder / "study.toml"
    return (*quoted(data.study.summary, ledger, path, "summary"), " ")


def _least(told: Sequence[Answer]) -> Answer:
    """Choose the answer that says least; of equals the last, and the first question at the end."""
    rank = {says: i for i, says in enumerate(_LEAST)}
    first = told[0].question
    return min(reversed(told), key=lambda a: (a.question == first, rank.get(a.says, len(rank))))


def _sentences(told: Sequence[Answer], names: _Names) -> list[Piece]:
    """Tell the first question, then what each level answers alone, then what they share."""
    stems = list(dict.fromkeys(a.stem for a in told if a.stem))
    first = told[0].stem if told else ""
    shared = {stem: _shared([a for a in told if a.stem == stem], names) for stem in stems}
    sentences = [shared.pop(first)] if first else []
    for level, name in names.items():
        briefs = [a.brief for a in told if a.level == level and not a.stem]
        if briefs:
            head = _head(name, len(names), published=level[2])
            parts = [piece for brief in briefs for piece in ("; ", *brief)][1:]
            sentences.append((head, *parts, "."))
    sentences += shared.values()
    return [piece for sentence in sentences for piece in (" ", *sentence)][1:]


def _claims(data: StudyData, ledger: Ledger) -> list[Piece]:
    """Tell how many claims a study makes, and what became of them."""
    count = f"{CLAIMS}.count.{{}}.{data.study.id}"
    if (every := ledger.get(count.format("all"))) is None:
        return []
    told = [
        (Stat(found.id, "value"), words)
        for kind, words in _VERDICTS.items()
        if (found := ledger.get(count.format(kind))) is not None
    ]
    rest = [piece for one in told for piece in (", ", *one)][1:]
    claims = "claim" if every.value == 1 else "claims"
    return [" Of ", Stat(every.id, "value"), f" {claims} ", *rest, "."]


def _shared(same: Sequence[Answer], names: _Names) -> tuple[Piece, ...]:
    """Tell what several levels answer in one sentence."""
    stem = same[0].stem
    pieces: list[Piece] = [f"{stem[:1].upper()}{stem[1:]}: "]
    for i, answer in enumerate(same):
        name = names[answer.level]
        level = f" ({name})" if len(names) > 1 else ""
        pieces += ["; " if i else "", *answer.brief, level]
    return (*pieces, ".")


def _head(name: str, n_levels: int, *, published: bool) -> str:
    if published:
        return f"As {name}, "
    return f"Measured in {name}: " if n_levels > 1 and name != "captures" else "Measured: "
