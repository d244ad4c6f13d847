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
_OFF = 0.22  # of a row, by which sets are drawn beside it
_WIDE, _FAINT = 4, 0.35  # how sets are drawn


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
    positive_set, negative_set, delta_set : (float, float) or None
        Ends of the identified sets, where probability mass is missing.
    """

    label: str
    positive: float | None
    negative: float | None
    delta: float | None
    bounds: tuple[float, float] | None
    survives: bool
    positive_set: tuple[float, float] | None = None
    negative_set: tuple[float, float] | None = None
    delta_set: tuple[float, float] | None = None

    @property
    def has_sets(self) -> bool:
        """True where probability mass is missing, and what is known has two ends."""
        return any((self.positive_set, self.negative_set, self.delta_set))


@dataclass(frozen=True, slots=True)
class Panel:
    """All axes of one model, in its colour."""

    title: str
    tone: str
    rows: tuple[Row, ...]


def height(panels: Sequence[Panel]) -> float:
    """Return the height in inches that the figure needs."""
    key = 0.7 + 0.2 * _bounded(panels)
    return sum(HEIGHT * len(panel.rows) + 0.45 for panel in panels) + key


def _bounded(panels: Sequence[Panel]) -> bool:
    return any(row.has_sets for panel in panels for row in panel.rows)


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
    sets = _bounded(panels)
    canvas.legend(
        handles=_key(tone, sets), loc="outside upper center", ncols=3 if sets else 4, fontsize=7.5
    )


def _key(tone: str, sets: bool) -> list[Line2D]:
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
        *(
            [Line2D([], [], color=tone, label="identified set", lw=_WIDE, alpha=_FAINT)]
            if sets
            else []
        ),
    ]


def _bar(axes: Axes, ends: tuple[float, float], height: float, tone: str) -> None:
    """Draw an identified set."""
    axes.plot(
        ends, [height] * 2, color=tone, zorder=2, lw=_WIDE, alpha=_FAINT, solid_capstyle="butt"
    )


def _poles(axes: Axes, panel: Panel) -> None:
    """Draw both pole means of each axis with a line between them; say where there are none."""
    levels = range(len(panel.rows))[::-1]
    for level, row in zip(levels, panel.rows, strict=True):
        if row.positive_set and row.negative_set:
            for ends, marker, face, side in (
                (row.positive_set, "^", panel.tone, _OFF),
                (row.negative_set, "v", "white", -_OFF),
            ):
                _bar(axes, ends, level + side, panel.tone)
                axes.plot(
                    ends,
                    [level + side] * 2,
                    marker,
                    ms=4,
                    color=panel.tone,
                    markerfacecolor=face,
                    zorder=4,
                )
            continue
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
    for level, row in zip(range(len(panel.rows))[::-1], panel.rows, strict=True):
        if row.delta_set:
            _bar(axes, row.delta_set, level - _OFF, panel.tone)
    figures.intervals(
        axes,
        [row.label for row in panel.rows],
        [row.delta for row in panel.rows],
        [row.bounds for row in panel.rows],
        [panel.tone] * len(panel.rows),
        filled=[row.survives for row in panel.rows],
    )
