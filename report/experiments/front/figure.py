"""The one figure of the front: all levels of a document against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from report.document import figures, labels
from report.document.parts import Figure
from report.experiments.answering import stands
from report.experiments.level import Level
from report.experiments.standing import on_wrong_rows
from report.ledger import format as fmt
from report.ledger.ledger import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

ROW, AROUND = 0.27, 0.8  # inches an axis, and around all of them
LEAST_HEIGHT = 2.3
_PRINTED = ("brown", "#8a5a00")
_CAPTURED = (
    ("blue", "#1f4e79"),
    ("green", "#117733"),
    ("purple", "#882255"),
    ("grey", "#555555"),
)
_MARKS = ("o", "D", "s", "^", "v", "P")
_NAMED = 12  # so many points have their names beside them
_WITH_INTERVALS = 2  # so many models have intervals; of more, points alone are drawn
_TICKS = tuple(base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5))
_ROOM = 0.5  # right of lines, as a share of their length
_LONGEST_ROW, _LONGEST_NAME = 30, 20  # characters that a figure has room for
_LOG = 4.0  # a ratio of entropies from which on they are drawn on a logarithmic scale


@dataclass(frozen=True)
class Layer:
    """What one level contributes, and how it is drawn.

    Parameters
    ----------
    level : Level
    name : str
        As the table of answers calls it.
    tone, colour : str
        The colour, and what a caption calls it.
    points : tuple of (str, float, float)
        Label, mean entropy in nats and effective dimension of each model.
    corrected : tuple of float
        Bias-corrected dimensions in the same order, where all are known.
    correlations, contrasts : tuple of Entry
        Those with a value.
    """

    level: Level
    name: str
    tone: str
    colour: str
    points: tuple[tuple[str, float, float], ...]
    corrected: tuple[float, ...]
    correlations: tuple[Entry, ...]
    contrasts: tuple[Entry, ...]

    @property
    def face(self) -> str:
        """How marks are filled that are not shown to be anything: open ones are printed."""
        return "white" if self.level.published else self.tone

    @property
    def ordered(self) -> bool:
        """Whether the points belong in an order."""
        return bool(self.level.cohort.intervention)

    def holds(self, entry: Entry) -> bool:
        """Tell whether an entry is evidence of something."""
        study = self.level.study
        return stands(entry, study) and not on_wrong_rows(entry, study)

    def axis(self, entry: Entry) -> str:
        """Return the name of the axis that an entry is about."""
        return self.level.study.axis(str(entry.axis)).name


def figure(every: Sequence[Level], names: Mapping[tuple[str, str, bool], str]) -> Figure | None:
    """Describe the figure; None where there is nothing to draw.

    Parameters
    ----------
    every : sequence of Level
    names : mapping
        What the levels with an answer are called.
    """
    layers = _layers(every, names)
    axes = list(dict.fromkeys(a.name for layer in layers for a in layer.level.study.axes))
    panels = [
        draw
        for draw, there in (
            (_dimensions, any(len(layer.points) > 1 for layer in layers)),
            (_correlations, any(layer.correlations for layer in layers)),
            (_contrasts, any(layer.contrasts for layer in layers)),
        )
        if there
    ]
    if not panels:
        return None

    def draw(canvas: Canvas) -> None:
        wide = [1.25 if panel is _dimensions else 1.0 for panel in panels]
        grid = canvas.subplots(1, len(panels), squeeze=False, width_ratios=wide)[0]
        placed = list(zip("abc", grid, panels, strict=False))
        named = next((axis for _, axis, panel in placed if panel is not _dimensions), None)
        for letter, axis, panel in reversed(placed):  # its words find their places last
            axis.set_title(f"{letter}  {panel(axis, layers, axes)}")
            if panel is not _dimensions:
                axis.locator_params(axis="x", nbins=3 if len(placed) > 2 else 5)
                _rows(axis, axes, named=axis is named)

    height = max(ROW * len(axes) + AROUND, LEAST_HEIGHT) if panels != [_dimensions] else 3.0
    return Figure(
        "front",
        "front",
        _caption(layers, panels),
        _alt(layers, panels),
        (figures.WIDTH, height),
        draw,
    )


def _layers(
    every: Sequence[Level], names: Mapping[tuple[str, str, bool], str]
) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for level in every:
        name = names.get((level.study.id, level.cohort.key, level.published))
        if name is None:
            continue
        n = sum(layer.level.published is level.published for layer in found)
        colour, tone = _PRINTED if level.published else _CAPTURED[n % len(_CAPTURED)]
        means = {e.model: e.value for e in level.entries("generation", "mean")}
        known = [
            (e, mean, e.value)
            for e in level.entries("dimension", "effective")
            if e.value is not None and (mean := means.get(e.model)) is not None and mean > 0
        ]
        if level.cohort.intervention:
            known.sort(key=lambda one: level.model(one[0]).level or 0.0)
        less = {e.model: e.value for e in level.entries("dimension", "corrected")}
        corrected = [value for e, _, _ in known if (value := less.get(e.model)) is not None]
        found.append(
            Layer(
                level,
                name,
                tone,
                colour,
                tuple((level.label(str(e.model)), mean, value) for e, mean, value in known),
                tuple(corrected) if len(corrected) == len(known) else (),
                _valued(level.entries("behaviour", "axis")),
                _valued(level.entries("calibration", "delta")),
            )
        )
    return tuple(found)


def _valued(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(e for e in entries if e.value is not None)


# --- panels -----------------------------------------------------------------------------


def _dimensions(axes: Axes, layers: Sequence[Layer], names: Sequence[str]) -> str:
    del names
    shown = [layer for layer in layers if layer.points]
    low = min(x for layer in shown for _, x, _ in layer.points)
    high = max(x for layer in shown for _, x, _ in layer.points)
    if high / low > _LOG:
        axes.set_xscale("log")
        axes.set_xticks([t for t in _TICKS if low * 0.95 <= t <= high * 1.05])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
    scale = ", log scale" if high / low > _LOG else ""
    axes.set_xlabel(f"mean entropy (nats{scale})")
    axes.set_ylabel("effective dimension")
    axes.margins(x=0.14, y=0.1)
    drawn: list[tuple[float, float]] = []
    for layer in shown:
        x = [p[1] for p in layer.points]
        for y, style, size, word in (
            (
                [p[2] for p in layer.points],
                "-",
                4.0,
                "plain" if layer.corrected else _short(layer.name, _LONGEST_NAME),
            ),
            (layer.corrected, "--", 2.5, "corrected"),
        ):
            if not y:
                continue
            axes.plot(
                x,
                y,
                linestyle=style if layer.ordered else "none",
                marker="o",
                ms=size,
                lw=1.2,
                color=layer.tone,
                markerfacecolor=layer.face,
            )
            drawn += zip(x, y, strict=True)
            if layer.ordered:
                drawn += _between(x, y)
                axes.annotate(
                    word,
                    (x[-1], y[-1]),
                    xytext=(5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color=layer.tone,
                )
    if any(layer.ordered for layer in shown):  # room for the words at the ends of lines
        wide = high * (high / low) ** _ROOM if high / low > _LOG else high + _ROOM * (high - low)
        axes.set_xlim(right=wide)
    for layer in shown:
        if not layer.ordered and len(layer.points) <= _NAMED:
            words, xs, ys = zip(*layer.points, strict=True)
            short = [_short(word, _LONGEST_NAME) for word in words]
            tones = [layer.tone] * len(xs)
            labels.label_points(axes, xs, ys, short, tones, others=drawn)
    return "Dimension"


def _between(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """Return points along the line through some points."""
    steps = [i / 10 for i in range(1, 10)]
    return [
        (a + (b - a) * step, c + (d - c) * step)
        for (a, b), (c, d) in zip(pairwise(x), pairwise(y), strict=True)
        for step in steps
    ]


def _place(layer: Layer, layers: Sequence[Layer], names: Sequence[str], axis: str) -> float:
    """Return the height of a layer in the row of an axis: printed above, captures below."""
    step = 0.5 / max(len(layers), 2)
    middle = (len(layers) - 1) / 2
    return len(names) - 1 - names.index(axis) + (middle - layers.index(layer)) * step


def _correlations(axes: Axes, layers: Sequence[Layer], names: Sequence[str]) -> str:
    shown = [layer for layer in layers if layer.correlations]
    for layer in shown:
        places = {axis: _place(layer, shown, names, axis) for axis in names}
        plain = 1.0 if layer.level.published else 0.55
        for holds, size, alpha in (
            (False, 4 if layer.level.published else 3, plain),
            (True, 6, 1.0),
        ):
            entries = [e for e in layer.correlations if layer.holds(e) is holds]
            if not entries:  # a line of no points would take part in the layout
                continue
            axes.plot(
                [e.value or 0.0 for e in entries],
                [places[layer.axis(e)] for e in entries],
                "o",
                color=layer.tone,
                zorder=4 if holds else 3,
                clip_on=False,
                ms=size,
                markerfacecolor=layer.tone if holds else layer.face,
                alpha=alpha,
            )
        kept: dict[str, list[Entry]] = {}
        for entry in filter(layer.holds, layer.correlations):
            kept.setdefault(layer.axis(entry), []).append(entry)
        if layer.level.several and sum(map(len, kept.values())) <= fmt.NAMES_UP_TO:
            for axis, entries in kept.items():
                _name_below(axes, layer, entries, places[axis])
    axes.set_xlim(-1, 1)
    axes.set_xlabel("ρ of entropy and axis")
    return "Axes"


def _name_below(axes: Axes, layer: Layer, entries: Sequence[Entry], height: float) -> None:
    """Write which models a row's surviving correlations are of."""
    ordered = sorted(entries, key=lambda e: e.value or 0.0)
    named = (_short(layer.level.label(str(e.model)), _LONGEST_NAME) for e in ordered)
    text = ", ".join(named)
    middle = sum(e.value or 0.0 for e in ordered) / len(ordered)
    axes.annotate(
        text,
        (middle, height),
        xytext=(0, -5),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=6.5,
        color=layer.tone,
    )


def _contrasts(axes: Axes, layers: Sequence[Layer], names: Sequence[str]) -> str:
    shown = [layer for layer in layers if layer.contrasts]
    for layer in shown:
        places = {axis: _place(layer, shown, names, axis) for axis in names}
        models = list(dict.fromkeys(str(e.model) for e in layer.contrasts))
        few = len(models) <= _WITH_INTERVALS
        known = [(e, ci) for e in layer.contrasts if (ci := e.estimate.interval) is not None]
        if few and known:
            axes.hlines(
                [places[layer.axis(e)] for e, _ in known],
                [ci.low for _, ci in known],
                [ci.high for _, ci in known],
                color=layer.tone,
                lw=1.3,
            )
        for mark, model in zip(_MARKS, models, strict=False) if few else (("o", None),):
            own = [e for e in layer.contrasts if model in (None, e.model)]
            for holds in (False, True):
                entries = [e for e in own if layer.holds(e) is holds]
                axes.plot(
                    [e.value or 0.0 for e in entries],
                    [places[layer.axis(e)] for e in entries],
                    mark,
                    color=layer.tone,
                    ms=4.5 if few or holds else 3,
                    zorder=4,
                    markerfacecolor=layer.tone if holds else "white",
                    alpha=1.0 if few or holds else 0.6,
                )
            if model is not None and len(models) > 1:
                _name_largest(axes, layer, own, places, above=model is models[0])
    axes.margins(x=0.12)
    axes.set_xlabel("Δ entropy (nats)")
    return "Poles"


def _name_largest(
    axes: Axes, layer: Layer, own: Sequence[Entry], places: Mapping[str, float], *, above: bool
) -> None:
    """Write a model's name above its largest contrast, or below it."""
    entry = max(own, key=lambda e: abs(e.value or 0.0))
    axes.annotate(
        _short(layer.level.label(str(entry.model)), _LONGEST_NAME),
        (entry.value or 0.0, places[layer.axis(entry)]),
        xytext=(0, 5 if above else -5),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        fontsize=6.5,
        color=layer.tone,
    )


def _short(name: str, most: int) -> str:
    """Cut a name that leaves a figure no room."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _rows(axes: Axes, names: Sequence[str], *, named: bool) -> None:
    axes.axvline(0.0, color=figures.FAINT, lw=0.9, zorder=1)
    shown = [_short(name, _LONGEST_ROW) for name in names] if named else [""] * len(names)
    axes.set_yticks(range(len(names))[::-1], shown)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(axis="y")
    axes.tick_params(axis="y", length=0)


# --- words ------------------------------------------------------------------------------


def _caption(layers: Sequence[Layer], panels: Sequence[object]) -> str:
    told: list[str] = []
    if len(layers) > 1:
        key = "; ".join(_key(layer) for layer in layers)
        told.append(f"{key[:1].upper()}{key[1:]}.")
    dimensions, correlations, contrasts = (p in panels for p in _PANELS)
    letters = dict(zip(panels, "abc", strict=False))
    if dimensions:
        corrected = any(layer.corrected for layer in layers)
        told.append(
            f"*{letters[_dimensions]}*: mean entropy and effective dimension"
            + (", plain and (smaller points) bias-corrected." if corrected else ".")
        )
    if correlations:
        told.append(
            f"*{letters[_correlations]}*: correlation of an answer's entropy with its projection, "
            "a point a source; large where it survives correction."
        )
    if contrasts:
        told.append(
            f"*{letters[_contrasts]}*: entropy under the positive minus the negative pole, with "
            "intervals where these are known; filled where it survives correction."
        )
        told += _opposite(layers, letters[_contrasts])
    if dimensions and sum(bool(layer.points) for layer in layers) > 1:
        told.append("Entropies under other vocabularies or filters are not on one scale.")
    return " ".join(told)


_PANELS = (_dimensions, _correlations, _contrasts)


def _key(layer: Layer) -> str:
    if layer.level.published:
        return f"{layer.colour}, open: as {layer.name}"
    verb = "simulated" if layer.level.study.synthetic else "measured"
    return f"{layer.colour}: {verb}" + (f" in {layer.name}" if layer.name != "captures" else "")


def _opposite(layers: Sequence[Layer], letter: str) -> list[str]:
    """Name the axes on which a printed contrast stands out against one that is measured."""
    printed: dict[str, set[bool]] = {}
    measured: dict[str, set[bool]] = {}
    for layer in layers:
        for entry in layer.contrasts:
            side = printed if layer.level.published else measured
            if stands(entry, layer.level.study):
                side.setdefault(layer.axis(entry), set()).add((entry.value or 0.0) > 0)
    against = [
        axis
        for axis, signs in printed.items()
        if len(signs) == 1 and len(measured.get(axis, set())) == 1 and signs != measured[axis]
    ]
    if not against:
        return []
    return [
        f"In *{letter}* printed and measured contrasts point in opposite directions on "
        f"{fmt.escape(fmt.listing(against))}."
    ]


def _alt(layers: Sequence[Layer], panels: Sequence[object]) -> str:
    told: list[str] = []
    for layer in layers:
        if _dimensions in panels and len(layer.points) > 1:
            low, high = (f(layer.points, key=lambda p: p[2])[0] for f in (min, max))
            told.append(
                f"Effective dimension, {layer.name}: smallest for {low}, largest for {high}."
            )
        if _correlations in panels and layer.correlations:
            told.append(f"Correlations, {layer.name}: {_large(layer, layer.correlations)}.")
        if _contrasts in panels and layer.contrasts:
            told.append(f"Poles, {layer.name}: {_large(layer, layer.contrasts)}.")
    return " ".join(told)


def _large(layer: Layer, entries: Sequence[Entry]) -> str:
    """Say which marks stand out, and on which side of zero they lie."""
    kept = [e for e in entries if layer.holds(e)]
    if not kept:
        return f"{fmt.count(len(entries), 'mark')} on both sides of zero, none filled or large"
    sides = {True: "right", False: "left"}
    told = dict.fromkeys(f"{layer.axis(e)} {sides[(e.value or 0.0) > 0]} of zero" for e in kept)
    return f"of {fmt.count(len(entries), 'mark')} these stand out: {fmt.listing(list(told))}"
