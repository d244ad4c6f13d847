"""What became of a study's to-do items: states and answers that follow from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from report.document.parts import Piece
from report.experiments.claims.evidence import Evidence, told, told_tested
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.errors import InputError
from report.study.study import Study
from report.study.texts import visible
from report.study.todo import Todo, read_todos

if TYPE_CHECKING:
    from rich.console import Console

# Up to so many numbers answer one part in full; of more, the ends are told.
_FEW = 2


class State(StrEnum):
    """What became of an item."""

    DONE = "done"
    PARTLY = "partly"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Answered:
    """A to-do item, and what the ledger holds of it.

    Parameters
    ----------
    todo : Todo
    state : State
    answer : tuple of str or Stat
    sections : tuple of str
        Experiments that its entries belong to.
    """

    todo: Todo
    state: State
    answer: tuple[Piece, ...]
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TodoList:
    """The to-do list of one study, and the items of it that could not be used."""

    items: tuple[Answered, ...] = ()
    unusable: tuple[InputError, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items or self.unusable)


def answer(study: Study, ledger: Ledger) -> TodoList:
    """Look up every to-do item of a study.

    Parameters
    ----------
    study : Study
    ledger : Ledger
        Settled.
    """
    todos, unusable = read_todos(study.folder)
    evidence = Evidence(study, ledger)
    return TodoList(tuple(_answered(todo, evidence) for todo in todos), unusable)


def _answered(todo: Todo, evidence: Evidence) -> Answered:
    from report.experiments import EXPERIMENTS

    known_sections = {experiment.SLUG for experiment in EXPERIMENTS}
    pieces: list[Piece] = []
    missing: list[str] = []
    sections: dict[str, None] = {}
    done = 0
    for name in todo.answers:
        sections[name.split(".")[0]] = None
        found = evidence.found(name)
        known = [entry for entry in found if entry.reason is None]
        if known:
            done += 1
            pieces += [*(["; "] if pieces else []), *_told(known, evidence.ledger)]
        else:
            missing += _lacking(name, found)
    told_all: list[Piece] = [*pieces, "."] if pieces else []
    if missing:
        told_all.append(f"{' ' if pieces else ''}Missing: {'; '.join(dict.fromkeys(missing))}.")
    if todo.note:
        told_all.append(f" {todo.note}")
    if isinstance(told_all[0], str):
        told_all[0] = told_all[0][:1].upper() + told_all[0][1:]
    state = State.DONE if done == len(todo.answers) else State.PARTLY if done else State.OPEN
    return Answered(todo, state, tuple(told_all), tuple(s for s in sections if s in known_sections))


def _lacking(name: str, found: Sequence[Entry]) -> list[str]:
    """Name what has no number: entries with their reason, else the name that nothing bears."""
    if not found:
        return [f"{name} (there is no such statistic here)"]
    reasons = [(e.label, e.reason.sentence.rstrip(".")) for e in found if e.reason]
    return [f"{label} ({why[:1].lower()}{why[1:]})" for label, why in reasons]


def _told(entries: Sequence[Entry], ledger: Ledger) -> list[Piece]:
    """Tell all of few numbers, or how many there are and which are the ends."""
    if len(entries) <= _FEW:
        return told_tested(entries, ledger)
    ranked = sorted(entries, key=lambda entry: entry.value or 0.0)
    head = f"{fmt.count(len(entries), 'number')}, from "
    return [head, *told([ranked[0]]), " to ", *told([ranked[-1]])]


def print_todos(todos: TodoList, console: Console) -> None:
    """Print every item with its state, and what is wrong with those that could not be used."""
    from rich.text import Text

    for item in todos.items:
        console.print(Text(f"{item.state:6}  {visible(item.todo.item)}"), soft_wrap=True)
    for error in todos.unusable:
        console.print(Text(visible(str(error)), style="red"), soft_wrap=True)
