"""House style of the figures, the few kinds of drawing that they share, and saving.

A figure is described by an experiment (`report.document.parts.Figure`), drawn here on a bare
canvas without pyplot's global state, and saved as SVG, PDF and PNG with nothing in the
files that changes from one run to the next.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from report.capture.features import FloatArray
from report.document.parts import Figure
from report.study.study import Study
from report.study.texts import csv_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
LAYOUT = "constrained"  # solved for each format: half of the time that a figure takes
_LETTER = 0.56  # mean width of a letter in running text, over the size of the font

FAMILY = "DejaVu Sans of matplotlib"
"""Our own name: an installed font of the same name in another version draws other pictures."""
_FACES = {
    "DejaVuSans.ttf": ("normal", 400), "DejaVuSans-Bold.ttf": ("normal", 700),
    "DejaVuSans-Oblique.ttf": ("oblique", 400), "DejaVuSans-BoldOblique.ttf": ("oblique", 700),
}  # fmt: skip

_STYLE: dict[str, Any] = {
    "font.family": FAMILY, "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5,
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


@cache
def _know_fonts() -> None:
    """Make the fonts that matplotlib brings known under `FAMILY`."""
    from matplotlib import font_manager, get_data_path

    fonts = Path(get_data_path()) / "fonts" / "ttf"
    font_manager.fontManager.ttflist += [
        font_manager.FontEntry(fname=str(fonts / file), name=FAMILY, style=style, weight=weight)
        for file, (style, weight) in _FACES.items()
    ]


@contextmanager
def _house_style(salt: str) -> Generator[None]:
    """Draw in our style, whatever a ``matplotlibrc`` of the user says."""
    from matplotlib import rc_context, rcdefaults, rcParams

    _know_fonts()
    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with rc_context():
        rcdefaults()
        rcParams.update(style)
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    paths = tuple(folder / f"{figure.filename}.{extension}" for extension in FORMATS)
    (folder / figure.filename).parent.mkdir(parents=True, exist_ok=True)
    with _house_style(figure.id):
        canvas = Canvas(figsize=figure.size, layout=LAYOUT)
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
            ["" if isinstance(v, float) and math.isnan(v) else csv_cell(v) for v in row]
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
