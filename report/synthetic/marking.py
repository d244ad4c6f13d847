"""What comes from a synthetic study says so wherever it goes: each figure, each table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from report.document.parts import Figure, Section, Table
from report.ledger.ledger import Ledger
from report.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MARK = "Synthetic data"


def mark_synthetic(section: Section, studies: Iterable[Study], ledger: Ledger) -> Section:
    """Mark the figures and tables of a section that rest on simulated numbers.

    Parameters
    ----------
    section : Section
    studies : iterable of Study
        All studies of the document.
    ledger : Ledger
    """
    every = list(studies)
    ids = [study.id for study in every if study.synthetic]
    if not ids:
        return section
    wholly = len(ids) == len(every)
    return replace(
        section,
        figures=tuple(
            _figure(f) if wholly or f.filename.split("/")[0] in ids else f for f in section.figures
        ),
        tables=tuple(_table(t) if wholly or _simulated(t, ledger) else t for t in section.tables),
    )


def _simulated(table: Table, ledger: Ledger) -> bool:
    return any(ledger[stat.entry].evidence == "simulated" for stat in table.stats)


def _table(table: Table) -> Table:
    return replace(table, caption=f"{MARK}. {table.caption}")


def _figure(figure: Figure) -> Figure:
    def draw(canvas: Canvas) -> None:
        figure.draw(canvas)
        canvas.suptitle(
            MARK.lower(), x=0.995, ha="right", fontsize=7.5, style="italic", color="#666666"
        )

    return replace(
        figure, draw=draw, caption=f"{MARK}. {figure.caption}", alt=f"{MARK}. {figure.alt}"
    )
