"""Drawing of experiment 4: pole means beside their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.document import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

HEIGHT = 0.235  # inches a row


@dataclass(frozen=True, slots=True)
class Row:
    """One axis of one model.

    Parameters
    ----------
    label : str
    positive, negative, delta : float or None
        Pole means and their difference, in nats; None where missing.
    bounds : (float, float) or None
        Confidence interval of the difference.
    survives : bool
        Whether the difference survives the correction.
    """

    label: str
    positive: float | None
    negative: float | None
    delta: float | None
    bounds: tuple[float, float] | None
    survives: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """All axes of one model, in its colour."""

    title: str
    tone: str
    rows: tuple[Row, ...]


def height(panels: Sequence[Panel]) -> float:
    """Return the height in inches that the figure needs."""
    return sum(HEIGHT * len(panel.rows) + 0.45 for panel in panels) + 0.7


def draw(canvas: Canvas, panels: Sequence[Panel], delta_label: str) -> None:
    """Draw one line of two plots a model: pole means on the left, differences on the right."""
    ratios = [len(panel.rows) + 1.5 for panel in panels]
    grid = canvas.subplots(
        len(panels), 2, squeeze=False, sharex="col", sharey="row", height_ratios=ratios
    )
    for (left, right), panel in zip(grid, panels, strict=True):
        _poles(left, panel)
        _differences(right, panel)
        left.set_title(panel.title)
    grid[-1][0].set_xlabel("mean entropy by pole (nats)")
    grid[-1][1].set_xlabel(delta_label)
    tone = panels[-1].tone if len(panels) == 1 else figures.INK
    canvas.legend(handles=_key(tone), loc="outside upper center", ncols=4, fontsize=7.5)


def _key(tone: str) -> list[Line2D]:
    from matplotlib.lines import Line2D

    def mark(marker: str, filled: bool, label: str) -> Line2D:
        face = tone if filled else "white"
        return Line2D(
            [], [], ls="", marker=marker, color=tone, markerfacecolor=face, ms=5, label=label
        )  # fmt: skip

    return [
        mark("^", True, "positive pole"),
        mark("v", False, "negative pole"),
        mark("o", True, "Δ survives correction"),
        mark("o", False, "Δ does not"),
    ]


def _poles(axes: Axes, panel: Panel) -> None:
    """Draw both pole means of each axis with a line between them; say where there are none."""
    levels = range(len(panel.rows))[::-1]
    for level, row in zip(levels, panel.rows, strict=True):
        if row.positive is None or row.negative is None:
            axes.text(
                0.5, level, "no number", transform=axes.get_yaxis_transform(), ha="center",
                va="center", fontsize=7.5, style="italic", color="#777777",
            )  # fmt: skip
            continue
        ends = [row.negative, row.positive]
        axes.plot(ends, [level, level], color=panel.tone, lw=1.6, alpha=0.5, zorder=2)
        axes.plot(row.positive, level, "^", ms=5.5, color=panel.tone, zorder=4)
        axes.plot(
            row.negative, level, "v", ms=5.5, color=panel.tone, markerfacecolor="white", zorder=3
        )
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _differences(axes: Axes, panel: Panel) -> None:
    axes.axvline(0.0, color=figures.FAINT, lw=0.9, zorder=1)
    figures.intervals(
        axes,
        [row.label for row in panel.rows],
        [row.delta for row in panel.rows],
        [row.bounds for row in panel.rows],
        [panel.tone] * len(panel.rows),
        filled=[row.survives for row in panel.rows],
    )
