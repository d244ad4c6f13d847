"""Questions are matched by their text, and their spelling must not keep them apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from report.capture.features import Problem
from report.study.study import Study
from stats.outcome import Reason

_PLAIN = {
    **dict.fromkeys(map(ord, "‘’‚‛ʼ"), "'"),
    **dict.fromkeys(map(ord, "“”„‟«»"), '"'),
    **dict.fromkeys((0x200B, 0x2060, 0xFEFF), ""),  # spaces of no width
}


MATCHED_ALIKE = "None needed: questions are matched without these differences."


def folded(text: str) -> str:
    """Return the spelling by which a question is matched.

    Unicode's composed form (NFC), with one plain space for every run of spaces, and plain
    apostrophes and quotation marks.

    Examples
    --------
    >>> folded("What’s\u00a0new? ")
    "What's new?"
    """
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).split())


@dataclass(frozen=True)
class Overlap:
    """How many questions two lists share.

    Parameters
    ----------
    shared, either : int
        Different questions that stand in both lists, and in at least one of them.
    """

    shared: int
    either: int

    @classmethod
    def of(cls, one: Iterable[str], other: Iterable[str]) -> Overlap:
        """Compare two lists of questions."""
        first, second = set(one), set(other)
        return cls(len(first & second), len(first | second))

    @property
    def paired(self) -> bool:
        """True if more than half are shared: a few lost answers make no other design of it."""
        return 2 * self.shared > self.either


def respelt(written: Sequence[str]) -> str:
    """Say how many questions are not written plainly; ``""`` if all are.

    Parameters
    ----------
    written : sequence of str
        The texts as they stand in the file, without space around them.
    """
    texts = dict.fromkeys(filter(None, written))
    changed = [text for text in texts if folded(text) != text]
    if not changed:
        return ""
    spellings: dict[str, set[str]] = {}
    for text in texts:
        spellings.setdefault(folded(text), set()).add(text)
    several = [plain for plain, ways in spellings.items() if len(ways) > 1]
    said = (
        f"{len(changed)} of {len(texts)} spellings of questions have other spaces, apostrophes, "
        "quotation marks or accents (in Unicode's sense) than plain ones"
    )
    if several:
        only = "one question is" if len(several) == 1 else f"{len(several)} questions are"
        said += f"; {only} written in more than one way, such as: {several[0]}"
    return said


def strangers(study: Study, asked: Mapping[str, Sequence[str]], file: str) -> tuple[Problem, ...]:
    """Note the models of a cohort that share no question, so that nothing compares them.

    Parameters
    ----------
    study : Study
    asked : mapping of str to sequence of str
        The questions of each model's baseline.
    file : str
        Where they stand, with ``{}`` for the model's key.
    """
    found: list[Problem] = []
    for cohort in study.cohorts:
        models = [m for m in study.cohort_models(cohort.key) if m.key in asked]
        apart = [
            (one, other)
            for one, other in combinations(models, 2)
            if not Overlap.of(asked[one.key], asked[other.key]).shared
        ]
        if not apart:
            continue
        named = [f"{one.name} and {other.name}" for one, other in apart[:3]]
        rest = f", and {len(apart) - 3} more pairs" if len(apart) > 3 else ""
        last = apart[0][1].key
        found.append(
            Problem(
                file.format(last), "question",
                f"no question is shared by {'; '.join(named)}{rest}: nothing compares them"
                " question by question",
                "Ask every model the same questions, in the same words, if they are to be"
                " compared.", str(Reason.TOO_FEW), "", last, "projections", note=True,
            )
        )  # fmt: skip
    return tuple(found)
