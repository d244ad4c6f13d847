"""What an experiment hands to the document: numbers by reference, never as text.

A table cell or a number in a sentence is a `Stat`: the id of a ledger entry and the name
of the format in which it is shown. Only ``report.ledger.format`` turns it into characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from stats.outcome import Reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True, slots=True)
class Stat:
    """One number of the ledger, to be shown.

    Parameters
    ----------
    entry : str
        Id of the ledger entry.
    kind : str
        A format of ``report.ledger.format``: ``"value"``, ``"p"``, ``"ci"``, ``"adjusted:holm"``, …
    """

    entry: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of tests of a family, to be shown.

    Parameters
    ----------
    family : str
        Id of the family.
    kind : str
        A kind of `report.ledger.format.tally`.
    """

    family: str
    kind: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A section of the document, to be referred to by its number.

    Parameters
    ----------
    slug : str
    number : int
    """

    slug: str
    number: int

    @property
    def text(self) -> str:
        """The reference as it is printed."""
        return f"§ {self.number}"


Piece = str | Stat | Tally | Ref
"""A part of a sentence: text, shown as it is, or a number or section by reference."""


def text_of(pieces: Iterable[Piece], ledger: Ledger) -> str:
    """Write pieces in plain text, as they are printed."""

    def one(piece: Piece) -> str:
        if isinstance(piece, str):
            return piece
        if isinstance(piece, Ref):
            return piece.text
        if isinstance(piece, Stat):
            return fmt.show(ledger[piece.entry], piece.kind)
        family = ledger.families[piece.family]
        return fmt.tally(family.m, ledger.survivors(family), piece.kind)

    return "".join(map(one, pieces))


Cell = str | Stat | Reason | tuple[Piece, ...]
Align = Literal["left", "right", "center"]


@dataclass(frozen=True, slots=True)
class Column:
    """A table column: its header (Markdown) and its alignment."""

    header: str
    align: Align = "right"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the document, independent of any output format.

    Parameters
    ----------
    id : str
        Lower case with hyphens, without the ``tbl-`` prefix.
    caption : str
        A sentence or two of Markdown.
    columns : tuple of Column
    rows : tuple of tuple of Cell
        Text (shown as it is: it is not Markdown), a `Stat`, the `Reason` why the cell is
        empty, or the pieces of a sentence.
    note : str
        Printed under the table.
    widths : tuple of int
        Widths of the columns in percent of the page, where they are not left to their cells.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.id}: a row has not {len(self.columns)} cells")

    @property
    def stats(self) -> Iterator[Stat]:
        """The numbers that the cells show."""
        for cell in (cell for row in self.rows for cell in row):
            yield from (
                p for p in (cell if isinstance(cell, tuple) else (cell,)) if isinstance(p, Stat)
            )


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: described here, drawn and saved by ``report.document.figures``.

    Parameters
    ----------
    id : str
        Lower case with hyphens, without the ``fig-`` prefix.
    filename : str
        Stem of the files, the study's own name for the figure.
    caption, alt : str
        The caption, and what is to be seen for those who can't see it.
    size : (float, float)
        Width and height in inches.
    draw : callable
        Draws on an empty matplotlib figure of that size.
    numbers : tuple of rows
        What is drawn, header first, where it stands in no table; NaN is an empty cell.
    """

    id: str
    filename: str
    caption: str
    alt: str
    size: tuple[float, float]
    draw: Callable[[Canvas], None]
    numbers: tuple[tuple[str | int | float, ...], ...] = ()


class Says(StrEnum):
    """What the ledger says to a question: a decision, or why there is none."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    BOTH = "both signs"
    NOT_SHOWN = "not shown"
    NOT_IDENTIFIED = "not identified"
    NOT_TESTABLE = "not testable"
    DESCRIBED = "described"
    INFERRED = "inferred"
    WRONG_ROWS = "wrong rows"


@dataclass(frozen=True, slots=True)
class Grade:
    """What kind of evidence an answer, or one side of it, rests on.

    Parameters
    ----------
    says : Says
    rests_on : tuple of str
        Ids of entries, ``family.`` and the id of a family for all of its members.
    of : str
        Which side of the answer, in the plural; ``""`` where there is one.
    """

    says: Says
    rests_on: tuple[str, ...]
    of: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one level of a study answers to a question.

    Parameters
    ----------
    question : str
        Answers to one question of several levels stand in one row.
    experiment : str
        Slug of the section that tells more.
    study : str
        Id of the study.
    cohort : str
        Key of the cohort that it is about.
    published : bool
        Whether it rests on published numbers, or on captures.
    sentence, number : tuple of Piece
        A clause without a capital and a full stop, and the number that carries it.
    grades : tuple of Grade
        The first is that of the answer as a whole.
    brief : tuple of Piece
        What the abstract says of it, if anything.
    stem : str
        What ``brief`` completes: answers of several levels with the same stem share a sentence.
    """

    question: str
    experiment: str
    study: str
    cohort: str
    published: bool
    sentence: tuple[Piece, ...]
    number: tuple[Piece, ...]
    grades: tuple[Grade, ...]
    brief: tuple[Piece, ...] = ()
    stem: str = ""

    @property
    def says(self) -> Says:
        """What it says as a whole."""
        return self.grades[0].says

    @property
    def level(self) -> tuple[str, str, bool]:
        """What tells the levels of a document apart."""
        return self.study, self.cohort, self.published


@dataclass(frozen=True, slots=True)
class Section:
    """One experiment's share of the document.

    Parameters
    ----------
    slug : str
        Module name, template name and id prefix.
    title : str
    facts : mapping
        What the template may use, beside the ledger: entries, names, lists.
    figures, tables : tuple
    answers : tuple of Answer
        What it contributes to the front.
    folder : str
        Where the template is, under ``templates/``.
    demonstration : bool
        Whether its families test what went wrong on purpose, and answer no question of the study.
    """

    slug: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    answers: tuple[Answer, ...] = ()
    folder: str = "experiments/"
    demonstration: bool = False

    @property
    def template_file(self) -> str:
        """The section's template."""
        return f"{self.folder}{self.slug}.qmd.j2"
