"""Labels beside points and at the ends of lines, where they hide nothing and no other label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from report.document.figures import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def label_points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    labels: Sequence[str],
    tones: Sequence[str],
    lines: Sequence[tuple[float, float, float, float]] = (),
    others: Sequence[tuple[float, float]] = (),
) -> None:
    """Write labels beside points, each at the first place where it covers nothing.

    Candidate places lie around the point, and around the ends of its interval, at growing
    distance; a place is free when the text's box meets no point, no interval (``lines``:
    left, right, bottom and top end a point), none of the ``others`` that are drawn and have no
    label here, and no label already placed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = axes.get_figure(root=True)
    assert canvas is not None
    _lay_out(canvas, axes)
    unit = canvas.dpi / 72
    anchors = [[(px, py)] for px, py in axes.transData.transform(np.column_stack([x, y]))]
    taken = [_around(points[0], 4 * unit) for points in anchors]
    if others:
        drawn = axes.transData.transform(np.asarray(others))
        taken += [_around((px, py), 2 * unit) for px, py in drawn]
    for points, (left, right, bottom, top) in zip(anchors, lines, strict=False):
        (px, py), ((x0, y0), (x1, y1)) = (
            points[0],
            axes.transData.transform([(left, bottom), (right, top)]),
        )
        taken += [(x0, py - unit, x1, py + unit), (px - unit, y0, px + unit, y1)]
        points += [(px, y1), (px, y0)]
    renderer = FigureCanvasAgg(canvas).get_renderer()  # type: ignore[arg-type]
    for points, label, tone in zip(anchors, labels, tones, strict=True):
        text = axes.text(0, 0, label, fontsize=7.5)
        box = text.get_window_extent(renderer)
        text.remove()
        size = (box.width, box.height)
        place = _free_place(points, size, taken, axes.get_window_extent(), unit)
        taken.append(place)
        corner = axes.transData.inverted().transform(place[:2])
        axes.annotate(
            label, (float(corner[0]), float(corner[1])), fontsize=7.5, color=readable(tone),
            va="bottom", ha="left", annotation_clip=False,
        )  # fmt: skip


def label_ends(
    axes: Axes, x: float, y: Sequence[float], labels: Sequence[str], tones: Sequence[str]
) -> None:
    """Write labels right of ``x``, each as near to its height ``y`` as the others leave room.

    The axes end at ``x``.
    """
    from scipy.optimize import isotonic_regression

    canvas = axes.get_figure(root=True)
    assert canvas is not None
    axes.set_xlim(right=x)
    _lay_out(canvas, axes)
    heights = axes.transData.transform([(x, v) for v in y])[:, 1] * 72 / canvas.dpi
    order = np.argsort(heights)
    steps = 8.5 * np.arange(len(order))  # points from one line to the next
    # The nearest heights in this order: a regression that never falls, once steps are taken off.
    free = isotonic_regression(heights[order] - steps).x + steps
    for i, height in zip(map(int, order), free, strict=True):
        axes.annotate(
            labels[i], (x, y[i]), xytext=(4, height - heights[i]), textcoords="offset points",
            va="center", fontsize=7.5, color=readable(tones[i]), annotation_clip=False,
        )  # fmt: skip


def _lay_out(canvas: Figure, axes: Axes) -> None:
    """Find the place and the limits of axes, as a drawing would, and draw nothing."""
    if (engine := canvas.get_layout_engine()) is not None:
        engine.execute(canvas)
    _ = axes.viewLim  # brought up to date where it is read


_Box = tuple[float, float, float, float]  # left, bottom, right, top, in pixels


def _around(point: tuple[float, float], reach: float) -> _Box:
    return (point[0] - reach, point[1] - reach, point[0] + reach, point[1] + reach)


def _overlap(one: _Box, other: _Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _free_place(
    anchors: Sequence[tuple[float, float]],
    size: tuple[float, float],
    taken: Sequence[_Box],
    frame: Any,
    unit: float,
) -> _Box:
    """Find the first box of ``size`` near an anchor that meets no taken box, or the least bad."""
    best, least = None, np.inf
    for gap in (6 * unit, 10 * unit, 16 * unit, 24 * unit):
        for px, py in anchors:
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
                left = px + dx * gap - (size[0] if dx < 0 else size[0] / 2 if dx == 0 else 0)
                low = py + dy * gap * 0.8 - (size[1] if dy < 0 else size[1] / 2 if dy == 0 else 0)
                box = (left, low, left + size[0], low + size[1])
                inside = frame.x0 <= box[0] and box[2] <= frame.x1
                inside = inside and frame.y0 <= box[1] and box[3] <= frame.y1
                covered = sum(_overlap(box, other) for other in taken)
                if inside and covered < least:
                    best, least = box, covered
                if inside and not covered:
                    return box
    return best or (*anchors[0], anchors[0][0] + size[0], anchors[0][1] + size[1])
