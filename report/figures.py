"""House style of the figures, the few kinds of drawing that they share, and saving.

A figure is described by an experiment (`report.document.Figure`), drawn here on a bare
canvas without pyplot's global state, and saved as SVG, PDF and PNG with nothing in the
files that changes from one run to the next.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from report.document import Figure

if TYPE_CHECKING:
    from collections.abc import Generator

    from report.features import FloatArray
    from report.study import Study

# Paul Tol's "muted" scheme with a last dark tone: told apart under the common kinds of
# colour blindness. (https://personal.sron.nl/~pault/, retrieved from the published notes.)
PALETTE = (
    "#332288", "#CC6677", "#117733", "#88CCEE", "#AA4499", "#999933", "#44AA99", "#882255",
    "#661100", "#6699CC", "#DDCC77", "#444444",
)  # fmt: skip
INK = "#222222"
FAINT = "#b8b8b8"
WIDTH = 6.5  # inches: the text width of the PDF
FORMATS = ("svg", "pdf", "png")
_LETTER = 0.56  # mean width of a letter in running text, over the size of the font

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5,
    "axes.titleweight": "bold", "axes.titlelocation": "left",
    "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#666666",
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": "#444444", "ytick.color": "#444444",
    "axes.grid": False, "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "lines.linewidth": 1.4,
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "svg.fonttype": "path", "pdf.fonttype": 42, "axes.unicode_minus": True,
    "axes.axisbelow": True,
    # Names come from data: a dollar sign in one is a dollar sign.
    "text.parse_math": False,
}  # fmt: skip


def colours(study: Study) -> dict[str, str]:
    """Give each model its colour, the same through the whole document.

    Conditions of an intervention get an ordered scale, models a qualitative one.
    """
    result: dict[str, str] = {}
    for cohort in study.cohorts:
        members = study.cohort_models(cohort.key)
        if cohort.intervention:
            import matplotlib
            from matplotlib.colors import to_hex

            scale = matplotlib.colormaps["viridis"]
            shades = np.linspace(0.0, 0.85, max(len(members), 2))
            tones = [to_hex(scale(float(s))) for s in shades]
        else:
            taken = len(result)
            tones = [PALETTE[(taken + i) % len(PALETTE)] for i in range(len(members))]
        result |= {model.key: tone for model, tone in zip(members, tones, strict=False)}
    return result


def readable(tone: str) -> str:
    """Darken a colour as far as letters on white need it: contrast 4.5 (WCAG 2, AA)."""
    from matplotlib.colors import to_hex, to_rgb

    channels = np.array(to_rgb(tone))
    for _ in range(40):
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        luminance = float(linear @ (0.2126, 0.7152, 0.0722))
        if 1.05 / (luminance + 0.05) >= 4.5:
            break
        channels = channels * 0.95
    return to_hex(tuple(channels.tolist()))


@contextmanager
def _house_style(salt: str) -> Generator[None]:
    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with rc_context(style):
        yield


def save(figure: Figure, folder: Path) -> tuple[Path, ...]:
    """Draw a figure and save it in every format.

    Parameters
    ----------
    figure : Figure
    folder : Path
        The filename may name a folder in it, which is made.

    Returns
    -------
    tuple of Path
        One path a format of ``FORMATS``, and one of a CSV file if the figure brings its numbers.
    """
    paths = tuple(folder / f"{figure.filename}.{extension}" for extension in FORMATS)
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with _house_style(figure.id):
        canvas = Canvas(figsize=figure.size, layout="constrained")
        FigureCanvasAgg(canvas)
        figure.draw(canvas)
        for path in paths:
            undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
            canvas.savefig(path, dpi=200, metadata=undated.get(path.suffix, {"Software": None}))
    return (*paths, _save_numbers(figure, folder)) if figure.numbers else paths


def _save_numbers(figure: Figure, folder: Path) -> Path:
    path = folder / f"{figure.filename}.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(
            ["" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row]
            for row in figure.numbers
        )
    return path


def empty(axes: Axes, why: str) -> None:
    """Say in a panel why there is nothing to draw, in lines that are no longer than it is wide.

    The panel keeps its title and its labels. The layout does not make room for the words: the
    panels with data keep theirs.
    """
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    canvas = axes.get_figure(root=True)
    assert canvas is not None
    points = axes.get_window_extent().width * 72 / canvas.dpi
    size = 8.5 if points > 150 else 7.0
    text = axes.text(
        0.5, 0.5, fill(why, max(int(points / (_LETTER * size)), 1), break_long_words=False),
        ha="center", va="center", fontsize=size, color="#666666", transform=axes.transAxes,
    )  # fmt: skip
    text.set_in_layout(False)


def intervals(
    axes: Axes,
    labels: Sequence[str],
    values: Sequence[float | None],
    bounds: Sequence[tuple[float, float] | None],
    tones: Sequence[str],
    *,
    filled: Sequence[bool] | None = None,
    texts: Sequence[str] | None = None,
) -> None:
    """Draw a forest: one estimate with its interval a row, first row on top.

    Parameters
    ----------
    axes : Axes
    labels, values, bounds, tones : sequences of one length
    filled : sequence of bool, optional
        Solid marker where True (a result that survives), open where False.
    texts : sequence of str, optional
        Printed at the right margin of each row.
    """
    rows = np.arange(len(labels))[::-1]
    for i, row in enumerate(rows):
        value, bound = values[i], bounds[i]
        if bound is not None:
            axes.plot(bound, [row, row], color=tones[i], lw=1.6, solid_capstyle="round", zorder=2)
        if value is not None:
            face = tones[i] if filled is None or filled[i] else "white"
            axes.plot(
                value, row, "o", ms=5, color=tones[i], markerfacecolor=face, mew=1.3, zorder=3
            )
        if texts is not None:
            axes.text(
                1.01, row, texts[i], transform=axes.get_yaxis_transform(), va="center", fontsize=7.5
            )
    axes.set_yticks(rows, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def dumbbells(
    axes: Axes,
    labels: Sequence[str],
    starts: Sequence[float],
    ends: Sequence[float],
    tones: Sequence[str],
) -> None:
    """Draw a range a row, with a dot at each end, first row on top."""
    rows = np.arange(len(labels))[::-1]
    for row, start, end, tone in zip(rows, starts, ends, tones, strict=True):
        axes.plot([start, end], [row, row], color=tone, lw=2.4, alpha=0.55, solid_capstyle="butt")
        axes.plot([start, end], [row, row], "o", ms=5, color=tone)
    axes.set_yticks(rows, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def label_points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    labels: Sequence[str],
    tones: Sequence[str],
    lines: Sequence[tuple[float, float, float, float]] = (),
) -> None:
    """Write labels beside points, each at the first place where it covers nothing.

    Candidate places lie around the point, and around the ends of its interval, at growing
    distance; a place is free when the text's box meets no point, no interval (``lines``:
    left, right, bottom and top end a point) and no label already placed.
    """
    canvas = axes.get_figure(root=True)
    assert canvas is not None
    canvas.draw_without_rendering()
    unit = canvas.dpi / 72
    anchors = [[(px, py)] for px, py in axes.transData.transform(np.column_stack([x, y]))]
    taken = [_around(points[0], 4 * unit) for points in anchors]
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
    canvas.draw_without_rendering()
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


def heat_map(
    axes: Axes,
    matrix: FloatArray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    marks: np.ndarray | None = None,
    limit: float = 1.0,
) -> Any:
    """Draw a matrix of correlations; ``marks`` (bool) puts a dot on what survives.

    Undefined cells are hatched. Returns the image, for a colour bar on an axis of its own.
    """
    axes.set_facecolor("#eeeeee")
    image = axes.imshow(
        np.ma.masked_invalid(matrix), aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit,
        interpolation="nearest",
    )  # fmt: skip
    for row, column in np.argwhere(~np.isfinite(matrix)) if matrix.size < 2000 else ():
        axes.add_patch(_hatched(column - 0.5, row - 0.5))
    if marks is not None:
        where = np.argwhere(marks)
        axes.plot(where[:, 1], where[:, 0], "o", ms=2.6, color="black", mec="white", mew=0.5, ls="")
    axes.set_yticks(range(len(rows)), rows)
    if columns:
        axes.set_xticks(range(len(columns)), columns)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _hatched(x: float, y: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, facecolor="#eeeeee", edgecolor="#bbbbbb", hatch="////", lw=0)


def save_all(
    figures: Sequence[Figure], folder: Path, progress: Callable[[str], None]
) -> Mapping[str, tuple[Path, ...]]:
    """Save every figure into ``folder``; return the paths by figure id."""
    folder.mkdir(parents=True, exist_ok=True)
    saved: dict[str, tuple[Path, ...]] = {}
    for figure in figures:
        progress(figure.filename)
        saved[figure.id] = save(figure, folder)
    return saved
