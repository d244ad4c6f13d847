"""What became of a study's to-do items: states and answers that follow from the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from report.document.parts import Piece
from report.experiments.answering import joined
from report.experiments.claims.evidence import Evidence, told, told_tested
from report.experiments.quoting import NoNumberError, borne, names_in, quoted
from report.experiments.standing import on_wrong_rows
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
    OPEN = "needs captures"


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


def answer(study: Study, ledger: Ledger, beside: Collection[str] = ()) -> TodoList:
    """Look up every to-do item of a study.

    Parameters
    ----------
    study : Study
    ledger : Ledger
        Settled.
    beside : collection of str
        Ids of all studies of the document.
    """
    todos, unusable = read_todos(study.folder)
    evidence = Evidence(study, ledger)
    items: list[Answered] = []
    faults = list(unusable)
    for todo in todos:
        try:
            items.append(_answered(todo, evidence, beside))
        except InputError as error:
            faults.append(error)
    return TodoList(tuple(items), tuple(faults))


def _answered(todo: Todo, evidence: Evidence, beside: Collection[str]) -> Answered:
    from report.experiments import EXPERIMENTS

    parts = [evidence.found(name) for name in todo.answers]
    known = [[e for e in part if _answers(e, evidence)] for part in parts]
    done = sum(map(bool, known))
    state = State.DONE if done == len(parts) else State.PARTLY if done else State.OPEN
    try:
        told = _own_words(todo, evidence, beside)
    except NoNumberError:  # of damaged data, say: the program tells what there is
        told = ()
    told = told or _words(parts, known, evidence.ledger)
    names = [*todo.answers, *(n for s in todo.text for n in names_in(s.text))]
    slugs = {name.removeprefix("family.").split(".")[0] for name in names}
    sections = tuple(e.SLUG for e in EXPERIMENTS if e.SLUG in slugs)
    return Answered(todo, state, told, sections)


def _answers(entry: Entry, evidence: Evidence) -> bool:
    """Tell whether an entry answers something: a number that is not built on wrong rows."""
    return entry.reason is None and not on_wrong_rows(entry, evidence.study)


def _own_words(todo: Todo, evidence: Evidence, beside: Collection[str]) -> tuple[Piece, ...]:
    """Write the study's own sentences, those that belong into this document."""
    path = evidence.study.folder / "claims.toml"
    pieces: list[Piece] = []
    for number, sentence in enumerate(todo.text, start=1):
        if sentence.beside and sentence.beside not in beside:
            continue
        field = f"todo {todo.id}.text.{number}"
        borne(sentence, evidence.study, evidence.ledger, path, field)
        pieces += [" ", *quoted(sentence.text, evidence.ledger, path, f"{field}.text")]
    return joined(pieces[1:])


def _words(
    parts: Sequence[Sequence[Entry]], known: Sequence[Sequence[Entry]], ledger: Ledger
) -> tuple[Piece, ...]:
    """Tell the numbers that answer an item, and why others are missing."""
    pieces: list[Piece] = []
    for entries in known:
        if entries:
            pieces += [*(["; "] if pieces else []), *_told(entries, ledger)]
    pieces += ["."] if pieces else []
    lacking = [e for part, kept in zip(parts, known, strict=True) if not kept for e in part]
    reasons = dict.fromkeys(_lacking(entry) for entry in lacking)
    if reasons:
        pieces.append(f" Missing: {'; '.join(reasons)}.")
    if not all(parts):
        rest = "the rest" if pieces else "it"
        pieces.append(f" Nothing in this document answers {rest}.")
    first, *others = joined(pieces)
    if isinstance(first, str):
        first = first.lstrip()
        first = first[:1].upper() + first[1:]
    return (first, *others)


def _lacking(entry: Entry) -> str:
    """Say why an entry answers nothing."""
    if entry.reason is None:
        return f"{entry.label} (built on wrongly cut rows)"
    why = entry.reason.sentence.rstrip(".")
    return f"{entry.label} ({why[:1].lower()}{why[1:]})"


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
        console.print(Text(f"{item.state:14}  {visible(item.todo.item)}"), soft_wrap=True)
    for error in todos.unusable:
        console.print(Text(visible(str(error)), style="red"), soft_wrap=True)
