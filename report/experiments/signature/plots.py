"""Figures of experiment 5 that the published peaks allow, and what its figures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from report.document import figures
from report.document.parts import Figure
from report.experiments.base import StudyData
from report.ledger import format as fmt
from report.ledger.ledger import Entry
from report.study.study import Model
from stats.outcome import Interval, Reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

COLUMNS = 2


@dataclass(frozen=True)
class Spot:
    """A peak on the way through the network: its relative depth, and what became of it."""

    depth: float | None
    text: str
    kept: bool
    interval: Interval | None
    reason: Reason | None

    @classmethod
    def of(cls, entry: Entry, depth: float | None, interval: Interval | None = None) -> Spot:
        """Describe the peak of one ledger entry."""
        reason = entry.estimate.reason
        return cls(depth, fmt.show(entry, "signed"), bool(entry.rejected), interval, reason)


def positions(
    data: StudyData,
    models: Sequence[Model],
    spots: Sequence[Sequence[Spot]],
    name: str,
    ending: str,
) -> Figure:
    """Draw where each model's peaks lie, one panel an axis.

    Parameters
    ----------
    data : StudyData
    models : sequence of Model
    spots : sequence of sequence of Spot
        A row a model, a column an axis.
    name : str
        Id of the figure.
    ending : str
        Of the file name.
    """
    rows = n_rows(len(data.study.axes))
    per_axis = list(zip(*spots, strict=True))

    spread = any(spot.interval for row in spots for spot in row)
    bars = " Bars: bootstrap interval of the position over questions." if spread else ""

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, COLUMNS, sharex=True, squeeze=False)
        panels = list(grid.ravel())
        for panel, axis, column in zip(panels, data.study.axes, per_axis, strict=False):
            _position_panel(panel, models, column, data.colours, margin=spread)
            panel.set_title(axis.name)
        close_grid(grid, len(per_axis), marks(bars=spread))
        canvas.supxlabel("relative depth of the peak (0: embeddings, 1: last layer)", fontsize=8.5)

    unit = unit_of(data, models)
    kept = sum(spot.kept for row in spots for spot in row)
    return Figure(
        name, f"{data.study.id}/combined_peak_positions{ending}",
        "Where in the network activation entropy correlates most strongly with each axis, with "
        "Spearman's ρ. Filled: the peak survives the search over layers and the correction for "
        f"all {unit}s and axes. Open: it does not.{bars}",
        f"One panel an axis, one row a {unit}: the relative depth of each peak. "
        f"{fmt.count(kept, 'marker').capitalize()} {'is' if kept == 1 else 'are'} filled: "
        f"{'this peak survives' if kept == 1 else 'these peaks survive'} the corrections." if kept
        else f"One panel an axis, one row a {unit}: the relative depth of each peak. All markers "
        "are open: no peak survives the corrections.",
        (figures.WIDTH, rows * (0.17 * len(models) + 0.36) + 0.3), draw,
    )  # fmt: skip


def _position_panel(
    axes: Any, models: Sequence[Model], column: Sequence[Spot], tones: dict[str, str], *,
    margin: bool,
) -> None:  # fmt: skip
    """Draw one axis; texts stand in the margin where bars may fill the rows."""
    rows = np.arange(len(models))[::-1]
    for row, model, spot in zip(rows, models, column, strict=True):
        axes.axhline(row, color="#ececec", lw=0.6, zorder=0)
        if spot.depth is None:
            what = (
                f"{spot.text}, depth unknown" if spot.reason is None else why_missing(spot.reason)
            )
            axes.text(0.5, row, what, ha="center", va="center",
                      fontsize=6.5, color="#666666",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
            continue
        tone = tones[model.key]
        if spot.interval is not None:
            span = spot.interval.low, spot.interval.high
            axes.plot(span, [row, row], color=tone, lw=1.4, alpha=0.6, zorder=2)
        axes.plot(spot.depth, row, "o", ms=4.6, mew=1.2, color=tone, zorder=3,
                  markerfacecolor=tone if spot.kept else "white")  # fmt: skip
        before = spot.depth > 0.5 and not margin
        at = 1.02 if margin else spot.depth + (-0.035 if before else 0.035)
        axes.text(at, row, spot.text, ha="right" if before else "left", va="center", fontsize=6.5,
                  weight="bold" if spot.kept else "normal",
                  transform=axes.get_yaxis_transform() if margin else axes.transData)  # fmt: skip
    axes.set_yticks(rows, [m.label for m in models], fontsize=6.8)
    axes.set_ylim(-0.6, len(models) - 0.4)
    axes.set_xlim(-0.04, 1.04)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def n_rows(n_axes: int) -> int:
    """Return the rows of a grid that has a panel for every axis and one for the key."""
    return -(-(n_axes + 1) // COLUMNS)


def marks(*, bars: bool) -> list[Line2D]:
    """Return what the key says about the markers."""
    from matplotlib.lines import Line2D

    shown = [
        Line2D([], [], marker="o", ls="", ms=4.6, mew=1.2, color=figures.INK, label=label,
               markerfacecolor=face)
        for label, face in (("survives correction", figures.INK), ("does not survive", "white"))
    ]  # fmt: skip
    bar = Line2D([], [], color=figures.INK, lw=1.4, alpha=0.6, label="bootstrap interval")
    return [*shown, bar] if bars else shown


def close_grid(grid: Any, n_axes: int, key: Sequence[Line2D]) -> None:
    """Put the key into the panel behind the last axis, and label the axis above a hole."""
    for i, panel in enumerate(grid.ravel()):
        if i >= n_axes:
            panel.set_axis_off()
        elif i >= n_axes - COLUMNS:
            panel.tick_params(labelbottom=True)
    columns = 1 if len(key) < 4 else 2
    grid.ravel()[n_axes].legend(handles=key, loc="center", ncols=columns, fontsize=7.5)


def why_missing(reason: Reason | None) -> str:
    """Say in a word or two why an axis has no correlations."""
    return "constant" if reason is Reason.CONSTANT_INPUT else "not available"


def unit_of(data: StudyData, models: Sequence[Model]) -> str:
    """Return what the members of the models' cohort are called."""
    return next(c.unit for c in data.study.cohorts if c.key == models[0].cohort)
