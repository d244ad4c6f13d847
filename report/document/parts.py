"""What an experiment hands to the document: numbers by reference, never as text.

A table cell or a number in a sentence is a `Stat`: the id of a ledger entry and the name
of the format in which it is shown. Only ``report.ledger.format`` turns it into characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

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


Cell = str | Stat | Reason
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
        Text (shown as it is: it is not Markdown), a `Stat`, or the `Reason` why the cell is
        empty.
    note : str
        Printed under the table.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.id}: a row has not {len(self.columns)} cells")


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
    folder: str = "experiments/"
    demonstration: bool = False

    @property
    def template_file(self) -> str:
        """The section's template."""
        return f"{self.folder}{self.slug}.qmd.j2"
