"""House style: what every figure may rely on."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager, get_data_path, rc_context, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from report.document import figures, labels
from report.document.parts import Figure
from report.study.paths import DATA
from report.study.study import load_study
from stats.outcome import Reason


def contrast(tone):
    channels = np.array([int(tone[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ (0.2126, 0.7152, 0.0722) + 0.05)


@pytest.mark.parametrize("tone", figures.PALETTE)
def test_letters_in_a_models_colour_can_be_read(tone):
    assert contrast(figures.readable(tone)) >= 4.5


def test_a_dark_colour_stays_as_it_is():
    assert figures.readable("#332288") == "#332288"


def test_models_have_colours_of_their_own_and_conditions_an_ordered_scale():
    for name in ("entropy-2026-02", "smollm2"):
        study = load_study(DATA / name)
        tones = figures.colours(study)
        assert len(set(tones.values())) == len(study.models)
    brightness = [contrast(tones[m.key]) for m in study.models]
    assert brightness == sorted(brightness, reverse=True)


def boxes(axes):
    canvas = axes.get_figure()
    renderer = FigureCanvasAgg(canvas).get_renderer()
    return [text.get_window_extent(renderer) for text in axes.texts]


def test_labels_keep_off_each_other_and_off_the_points():
    canvas = Canvas(figsize=(5, 3))
    axes = canvas.subplots()
    x, y = [1.0, 1.02, 1.04, 2.0], [1.0, 1.01, 0.99, 2.0]
    axes.plot(x, y, "o")
    axes.margins(0.3)
    labels.label_points(axes, x, y, ["first", "second", "third", "fourth"], ["#332288"] * 4)
    placed = boxes(axes)
    points = axes.transData.transform(np.column_stack([x, y]))
    for i, box in enumerate(placed):
        assert not any(box.overlaps(other) for other in placed[i + 1 :])
        assert not any(box.contains(px, py) for px, py in points)


def test_labels_of_lines_that_end_together_keep_off_each_other():
    canvas = Canvas(figsize=(5, 3))
    axes = canvas.subplots()
    y = [1.0, 1.01, 1.02, 2.0]
    axes.plot([0, 9], [y, y])
    labels.label_ends(axes, 9, y, ["first", "second", "third", "fourth"], ["#332288"] * 4)
    placed = boxes(axes)
    for i, box in enumerate(placed):
        assert not any(box.overlaps(other) for other in placed[i + 1 :])
    middles = [(box.y0 + box.y1) / 2 for box in placed]
    assert middles == sorted(middles)
    assert middles[-1] == pytest.approx(axes.transData.transform((9, 2.0))[1], abs=1)


def test_a_figure_is_saved_in_every_format_with_the_same_bytes_each_time(tmp_path, every_format):
    figure = Figure(
        "some-id", "study/name", "A caption.", "What is seen.", (3, 2),
        lambda canvas: canvas.subplots().plot([0, 1], [1, 0]),
    )  # fmt: skip
    first = [path.read_bytes() for path in figures.save(figure, tmp_path / "a")]
    second = [path.read_bytes() for path in figures.save(figure, tmp_path / "b")]
    assert first == second
    assert len(first) == len(figures.FORMATS) == 3


def test_the_style_of_the_user_changes_nothing(tmp_path, every_format):
    """What a matplotlibrc sets: it is found in the folder where the program is started."""

    def draw(canvas):
        axes = canvas.subplots()
        axes.plot([0, 1], [1, 0], label="a_b $x$")
        axes.legend()

    figure = Figure("some-id", "name", "A caption.", "What is seen.", (3, 2), draw)
    house = [path.read_bytes() for path in figures.save(figure, tmp_path / "a")]
    theirs = {
        "lines.marker": "s",
        "axes.labelpad": 20,
        "text.usetex": True,
        "savefig.bbox": "tight",
        "axes.titlepad": 30,
        "legend.loc": "upper left",
        "path.simplify": False,
        "pdf.compression": 0,
        "figure.constrained_layout.h_pad": 0.4,
    }
    with rc_context(theirs):
        saved = [path.read_bytes() for path in figures.save(figure, tmp_path / "b")]
        assert rcParams["lines.marker"] == "s"
    assert saved == house


def test_an_empty_panel_says_why():
    canvas = Canvas(figsize=(3, 2))
    figures.empty(canvas.subplots(), "There is no capture.")
    assert canvas.axes[0].texts[0].get_text() == "There is no capture."


def narrow_panels(empty, why):
    canvas = Canvas(figsize=(figures.WIDTH, 1.6), layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, 6)
    for panel in panels[:empty]:
        figures.empty(panel, why)
    panels[-1].plot([0, 1], [1, 0])
    canvas.draw_without_rendering()
    return panels


@cache
def width_beside_panels_with_data():
    return narrow_panels(0, "")[-1].get_window_extent().width


@pytest.mark.parametrize("reason", Reason)
def test_what_an_empty_panel_says_stays_in_it_and_takes_no_room(reason):
    """Six narrow panels, as in the scatter plots: those with data lose no width."""
    panels = narrow_panels(5, reason.sentence)
    assert panels[-1].get_window_extent().width >= width_beside_panels_with_data()
    for panel in panels[:5]:
        (box,), frame = boxes(panel), panel.get_window_extent()
        assert frame.x0 - 3 <= box.x0 <= box.x1 <= frame.x1 + 3
        assert frame.y0 <= box.y0 <= box.y1 <= frame.y1


@pytest.mark.parametrize("style", ["normal", "italic"])
@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_the_font_is_the_one_that_matplotlib_brings(style, weight):
    """Whatever is installed: another version of the font would draw other pictures."""
    with figures._house_style("x"):
        wanted = font_manager.FontProperties(style=style, weight=weight)
        found = Path(font_manager.findfont(wanted, fallback_to_default=False))
    assert found.is_relative_to(get_data_path())
    assert ("Bold" in found.name, "Oblique" in found.name) == (weight == "bold", style == "italic")
