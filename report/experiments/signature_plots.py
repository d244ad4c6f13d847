"""Figures of experiment 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from report import figures
from report import format as fmt
from report.document import Figure
from report.experiments.base import StudyData
from report.ledger import Entry
from report.study import Model
from stats.outcome import Interval, Reason

_COLUMNS = 2


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
        return cls(depth, fmt.show(entry, "signed"), bool(entry.rejected), interval, entry.reason)


def positions(
    data: StudyData, models: Sequence[Model], spots: Sequence[Sequence[Spot]], name: str, level: str
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
    level : str
        ``"published"`` or ``""``.
    """
    n_rows = -(-(len(data.study.axes) + 1) // _COLUMNS)
    per_axis = list(zip(*spots, strict=True))

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(n_rows, _COLUMNS, sharex=True, squeeze=False)
        panels = list(grid.ravel())
        for panel, axis, column in zip(panels, data.study.axes, per_axis, strict=False):
            _position_panel(panel, models, column, data.colours)
            panel.set_title(axis.name)
        _key(panels[len(per_axis)], models, any(s.interval for row in spots for s in row))
        for panel in panels[len(per_axis) + 1 :]:
            panel.set_axis_off()
        canvas.supxlabel("relative depth of the peak (0: embeddings, 1: last layer)", fontsize=8.5)

    kept = sum(spot.kept for row in spots for spot in row)
    bars = (
        "" if level == "published"
        else " Bars: bootstrap interval of the position over questions."
    )  # fmt: skip
    return Figure(
        name, f"{data.study.id}/combined_peak_positions" + (f"_{level}" if level else ""),
        "Where in the network activation entropy correlates most strongly with each axis, with "
        "Spearman's ρ. Filled: the peak survives the search over layers and the correction for "
        f"all models and axes. Open: it does not.{bars}",
        f"One panel an axis, one row a model: the relative depth of each peak. Filled markers, "
        f"{fmt.count(kept)} of them, survive the corrections.",
        (figures.WIDTH, n_rows * (0.17 * len(models) + 0.36) + 0.3), draw,
    )  # fmt: skip


def _position_panel(
    axes: Any, models: Sequence[Model], column: Sequence[Spot], tones: dict[str, str]
) -> None:
    rows = np.arange(len(models))[::-1]
    for row, model, spot in zip(rows, models, column, strict=True):
        axes.axhline(row, color="#ececec", lw=0.6, zorder=0)
        if spot.depth is None:
            why = "constant" if spot.reason is Reason.CONSTANT_INPUT else "not available"
            axes.text(0.5, row, why, ha="center", va="center", fontsize=6.5, color="#666666",
                      backgroundcolor="white")  # fmt: skip
            continue
        tone = tones[model.key]
        span = (spot.depth, spot.depth)
        if spot.interval is not None:
            span = spot.interval.low, spot.interval.high
            axes.plot(span, [row, row], color=tone, lw=1.4, alpha=0.6, zorder=2)
        axes.plot(spot.depth, row, "o", ms=4.6, mew=1.2, color=tone, zorder=3,
                  markerfacecolor=tone if spot.kept else "white")  # fmt: skip
        # The text stands where the bar leaves more room.
        before = span[0] > 1 - span[1]
        axes.text((span[0] - 0.035) if before else (span[1] + 0.035), row, spot.text,
                  ha="right" if before else "left", va="center", fontsize=6.5,
                  weight="bold" if spot.kept else "normal")  # fmt: skip
    axes.set_yticks(rows, [m.label for m in models], fontsize=6.8)
    axes.set_ylim(-0.6, len(models) - 0.4)
    axes.set_xlim(-0.04, 1.04)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _key(axes: Any, models: Sequence[Model], bars: bool) -> None:
    """Explain the markers in the panel that is left over."""
    axes.set_axis_off()
    axes.set_xlim(-0.04, 1.04)
    lines = [("filled", True), ("open", False)]
    for i, (_, filled) in enumerate(lines):
        y = 0.8 - 0.22 * i
        axes.plot(0.04, y, "o", ms=4.6, mew=1.2, color=figures.INK,
                  markerfacecolor=figures.INK if filled else "white")  # fmt: skip
        axes.text(0.1, y, "survives correction" if filled else "does not survive", va="center",
                  fontsize=7.5)  # fmt: skip
    if bars:
        axes.plot([0.0, 0.08], [0.36, 0.36], color=figures.INK, lw=1.4, alpha=0.6)
        axes.text(0.1, 0.36, "bootstrap interval", va="center", fontsize=7.5)
    axes.set_ylim(0, 1)
