"""What the readers find wrong: an error that knows its reason, and the list of findings."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from report.capture.features import Problem
from report.capture.lengths import limit_of
from report.capture.questions import MATCHED_ALIKE, respelt
from report.study.errors import InputError
from report.study.faults import Fault
from stats.outcome import Reason


class CaptureError(InputError):
    """A capture file, or one array of it, can't be used.

    Parameters
    ----------
    path, field, problem, remedy
        As in `report.study.errors.InputError`.
    reason : Reason
        What stands in the cells that would have needed it.
    """

    def __init__(
        self,
        path: Path,
        field: str,
        problem: str,
        remedy: str,
        reason: Reason = Reason.DAMAGED_FILE,
    ) -> None:
        super().__init__(path, field, problem, remedy)
        self.reason = reason


def problem_of(fault: Fault, part: str = "published") -> Problem:
    """Say of a fault in a study's own files what is said of one in a capture."""
    error = fault.error
    return Problem(
        error.path.name, error.field, error.problem, error.remedy, str(Reason.DAMAGED_FILE),
        fault.costs, "", part,
    )  # fmt: skip


def listing(names: list[str], most: int = 12) -> str:
    """Name the first few of a list and count the rest."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


@dataclass
class Findings:
    """The problems of one model, in the order in which they were met."""

    model: str
    problems: list[Problem] = field(default_factory=list[Problem])

    def problem(
        self, path: Path, field: str, problem: str, remedy: str, reason: Reason, costs: str,
        part: str, *, note: bool = False, axis: str = "",
    ) -> None:  # fmt: skip
        """Record a problem of this model's file ``path``."""
        self.problems.append(
            Problem(
                path.name, field, problem, remedy, str(reason), costs, self.model, part, note, axis
            )
        )

    def error(self, error: InputError, costs: str, part: str) -> None:
        """Record an error of a file as a problem."""
        self.problem(
            error.path, error.field, error.problem, error.remedy, Reason.DAMAGED_FILE, costs, part
        )

    def spellings(self, path: Path, written: Sequence[str], part: str) -> None:
        """Note that questions are matched although they are not spelt alike."""
        if said := respelt(written):
            self.problem(
                path, "question", said,
                MATCHED_ALIKE, Reason.MISALIGNED, "", part, note=True,
            )  # fmt: skip

    def nameless(self, path: Path, numbers: Sequence[int], part: str) -> None:
        """Say of which answers, counted from 1, the question has no text."""
        if numbers:
            self.problem(
                path,
                "question",
                "there is no text of the question of "
                f"{listing([f'answer {number}' for number in numbers])}, so that nothing matches"
                " it",
                "Write the question as it was asked.",
                Reason.MISALIGNED,
                "",
                part,
            )

    def lengths(self, path: Path, counts: Iterable[int], part: str) -> None:
        """Note that generation was cut off, so that the lengths of answers are censored."""
        known = [int(n) for n in counts if n > 0]
        if (limit := limit_of(known)) is not None:
            self.problem(
                path, "n_tokens", f"{known.count(limit)} of {len(known)} answers have exactly"
                f" {limit} tokens, the most of all: they end at the limit of generation",
                "None needed where lengths do not matter; else capture with a higher limit.",
                Reason.CENSORED, "", part, note=True,
            )  # fmt: skip

    def unusable(self, errors: Iterable[CaptureError], part: str) -> None:
        """Note the members of an archive that can't be used and that nothing rests on."""
        for error in errors:
            self.problem(
                error.path, error.field, error.problem, error.remedy, error.reason, "", part,
                note=True,
            )  # fmt: skip

    def repeats(self, path: Path, labels: Sequence[Hashable], part: str) -> None:
        """Note that questions have several answers, which are averaged."""
        questions = len(set(labels))
        if questions < len(labels):
            asked = "one question" if questions == 1 else f"{questions} questions"
            under = ", each under its axis and pole" if part == "calibration" else ""
            self.problem(
                path, "question", f"{len(labels)} answers to {asked}{under}: the answers to one"
                " question are averaged", "None needed, if the question was asked several times.",
                Reason.NOT_TESTED, "", part, note=True,
            )  # fmt: skip

    @contextmanager
    def losing(self, costs: str, part: str) -> Generator[None]:
        """Turn a `CaptureError` of the block into a problem that costs ``costs``."""
        try:
            yield
        except CaptureError as error:
            self.problem(
                error.path, error.field, error.problem, error.remedy, error.reason, costs, part
            )
