"""The drawings of experiment 3a."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from report.document import figures, labels
from report.experiments.base import StudyData, entry_id
from report.experiments.behaviour.entries import SLUG, Sample
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.study import Axis, Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MAX_COLUMNS = 6


def forest(canvas: Canvas, data: StudyData, pairs: Sequence[Entry], rule: str) -> None:
    """Draw correlations with their intervals, strongest positive on top."""
    axes = canvas.subplots()
    bounds = [e.estimate.interval and (e.estimate.interval.low, e.estimate.interval.high)
              for e in pairs]  # fmt: skip
    figures.intervals(
        axes,
        [f"{data.study.model(str(e.model)).label}, {data.study.axis(str(e.axis)).name}"
         for e in pairs],
        [e.value for e in pairs], bounds, [data.colours[str(e.model)] for e in pairs],
        filled=[bool(e.rejected) for e in pairs],
        texts=[fmt.show(e, f"adjusted:{rule}") for e in pairs],
    )  # fmt: skip
    axes.axvline(0, color=figures.INK, lw=0.8, zorder=1)
    axes.set_xlim(-1, 1)
    axes.set_xlabel("Spearman correlation of entropy and axis (positive: towards the first pole)")


def dead_zones(
    canvas: Canvas, data: StudyData, described: Sequence[Sequence[tuple[Entry, Entry]]]
) -> None:
    """Draw the number of dead zones against other quantities of the models, a panel each."""
    panels = np.atleast_1d(canvas.subplots(1, len(described), sharey=True))
    names = {"nats": "mean generation entropy (nats)", "dimension": "effective dimension"}
    for panel, pairs in zip(panels, described, strict=True):
        points = [(x.value or 0.0, y.value or 0.0, data.study.model(str(y.model)))
                  for x, y in pairs]  # fmt: skip
        tones = [data.colours[model.key] for *_, model in points]
        for (x, y, _), tone in zip(points, tones, strict=True):
            panel.plot(x, y, "o", ms=6, color=tone)
        panel.set_xlabel(names[pairs[0][0].unit])
        panel.grid()
        panel.margins(0.15)
        labels.label_points(
            panel, [p[0] for p in points], [p[1] for p in points],
            [p[2].label for p in points], tones,
        )  # fmt: skip
    panels[0].set_ylabel("dead zones")
    panels[0].yaxis.get_major_locator().set_params(integer=True)


def correlation_map(
    canvas: Canvas,
    data: StudyData,
    models: Sequence[Model],
    pairs: Mapping[tuple[str | None, str | None], Entry],
) -> None:
    """Draw all correlations of a cohort; dots mark what survives."""
    axes = data.study.axes
    found = [[pairs.get((m.key, a.key)) for a in axes] for m in models]
    matrix = np.array([[np.nan if e is None else e.value for e in row] for row in found], float)
    marks = np.array([[bool(e and e.rejected) for e in row] for row in found])
    panel, bar = canvas.subplots(1, 2, width_ratios=(30, 1))
    image = figures.heat_map(
        panel, matrix, [m.label for m in models], [f"{a.positive}\n{a.negative}" for a in axes]
    )
    panel.tick_params(axis="x", labelsize=7.5)
    where = np.argwhere(marks)
    panel.plot(where[:, 1] - 0.38, where[:, 0], "o", ms=4, color="black", mec="white", mew=0.6)
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            shade = "white" if abs(value) > 0.65 else figures.INK
            text = fmt.number(float(value), "rho")
            panel.text(j, i, text, ha="center", va="center", fontsize=7.5, color=shade)
    canvas.colorbar(image, cax=bar, label="ρ")


def scatter(
    canvas: Canvas,
    data: StudyData,
    ledger: Ledger,
    samples: Sequence[Sample],
    axes: Sequence[Axis],
) -> None:
    """Draw projection against entropy by question, one column a model and one row an axis."""
    columns = min(len(samples), MAX_COLUMNS)
    blocks = -(-len(samples) // MAX_COLUMNS)
    grid = canvas.subplots(blocks * len(axes), columns, squeeze=False, sharey="row")
    order = [axis.key for axis in data.study.axes]
    for panel in grid.flat:
        panel.set_visible(False)
    scaled: set[int] = set()
    for i, sample in enumerate(samples):
        block, column = divmod(i, MAX_COLUMNS)
        for k, axis in enumerate(axes):
            row = block * len(axes) + k
            panel = grid[row, column]
            panel.set_visible(True)
            entry = ledger[entry_id(SLUG, "axis", sample.model.key, axis.key)]
            if entry.value is None:
                figures.empty(panel, entry.reason.sentence if entry.reason else "")
            else:
                _cloud(panel, data, sample, order.index(axis.key), entry)
                # The first column may have nothing to scale.
                panel.tick_params(labelleft=row not in scaled)
                scaled.add(row)
            if k == 0:
                panel.set_title(sample.model.label, fontsize=8.5, loc="center")
            if column == 0:
                panel.set_ylabel(axis.name, fontsize=8)
    canvas.supxlabel("generation entropy of the answer (nats)", fontsize=8.5)


def _cloud(panel: Axes, data: StudyData, sample: Sample, axis: int, entry: Entry) -> None:
    y = sample.projections[:, axis]
    panel.plot(sample.entropy, y, "o", ms=3, color=data.colours[sample.model.key], alpha=0.7, mew=0)
    panel.set_ylim(-1.08, 1.45)
    panel.set_yticks([-1, 0, 1])
    panel.margins(x=0.12)
    panel.locator_params(axis="x", nbins=3)
    panel.tick_params(labelsize=7)
    panel.text(
        0.5, 0.98, f"{fmt.symbol(entry)} = {fmt.show(entry, 'value')}",
        transform=panel.transAxes, ha="center", va="top", fontsize=7.5,
        fontweight="bold" if entry.rejected else "normal",
    )  # fmt: skip
