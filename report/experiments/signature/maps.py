"""Figures of experiment 5 that need captures: matrices of correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from report.document import figures
from report.document.parts import Figure
from report.experiments.base import StudyData
from report.experiments.signature.measured import Signatures, binned
from report.experiments.signature.plots import COLUMNS, close_grid, marks, n_rows, why_missing
from report.ledger import format as fmt
from report.study.study import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_DASHES = ("-", "--", "-.", ":")
_BINNED_COLUMNS = 6
_NOTHING = "No layers were captured."

# For each model, by key, whether the peak of each axis survives the correction.
Kept = Mapping[str, Sequence[bool]]


def _count_kept(kept: Kept) -> int:
    return sum(sum(row) for row in kept.values())


def _how_many(survivors: int) -> str:
    return f"{fmt.count(survivors)} {'does' if survivors < 2 else 'do'}"


def _limit(group: Signatures) -> float:
    """Return the end of the colour scale that all panels share."""
    sizes = [np.nanmax(np.abs(s.test.rho), initial=0.5) for s in group.found.values()]
    return min(1.0, float(np.ceil(10 * max(sizes, default=0.5)) / 10))


def heat_maps(data: StudyData, group: Signatures, kept: Kept, name: str, ending: str) -> Figure:
    """Draw each model's matrix of correlations, layers by axes."""
    names, models = [axis.name for axis in data.study.axes], group.present
    rows = max(1, -(-len(models) // COLUMNS))

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, COLUMNS, squeeze=False)
        image = None
        for i, panel in enumerate(grid.ravel()):
            if i >= len(models):
                figures.empty(panel, "" if models or i else _NOTHING)
                continue
            model = models[i]
            panel.set_title(model.label)
            image = _heat_map(panel, group, model, names, kept[model.key], data.plan.alpha)
            if i % COLUMNS:
                panel.tick_params(labelleft=False)
            if i + COLUMNS >= len(models):
                panel.set_xlabel("layer (0: embeddings)")
        _colour_bar(canvas, image, grid)

    cells = sum(int(s.survives(data.plan.alpha).sum()) for s in group.found.values())
    filename = f"{data.study.id}/layer_axis_heatmaps{ending}"
    return Figure(
        name, filename,
        "Spearman's ρ between activation entropy at a layer and the projection on an axis, over "
        "questions. A dot marks a correlation that survives the search over its whole matrix "
        f"(max-T; {_how_many(cells)}), a square a peak that survives the search over layers and "
        f"the correction for all matrices ({_how_many(_count_kept(kept))}). Hatched: undefined. "
        f"All ρ, with *p* after the search over the matrix, are in `figures/{filename}.csv`.",
        f"One heat map a {group.cohort.unit}, axes by layers, from negative (blue) to positive "
        "(red) correlations.",
        (figures.WIDTH, 1.4 * rows + 0.9), draw, _cells(data, group),
    )  # fmt: skip


def _cells(data: StudyData, group: Signatures) -> tuple[tuple[str | int | float, ...], ...]:
    """List all matrices, a row a cell."""
    rows: list[tuple[str | int | float, ...]] = [("model", "axis", "layer", "rho", "p_maxt")]
    for model in group.present:
        test = group.found[model.key].test
        for j, axis in enumerate(data.study.axes):
            for layer, (rho, p) in enumerate(zip(test.rho[:, j], test.p_maxt[:, j], strict=True)):
                rows.append((model.key, axis.key, layer, float(rho), float(p)))
    return tuple(rows)


def _heat_map(
    axes: Any, group: Signatures, model: Model, names: Sequence[str], kept: Sequence[bool],
    alpha: float,
) -> Any:  # fmt: skip
    from matplotlib.patches import Rectangle

    found = group.found[model.key]
    image = figures.heat_map(
        axes, found.test.rho.T, names, (), marks=found.survives(alpha).T, limit=_limit(group)
    )  # fmt: skip
    for j, (peak, survives) in enumerate(zip(found.test.peak.tolist(), kept, strict=True)):
        if survives:
            axes.add_patch(Rectangle((peak - 0.5, j - 0.5), 1, 1, fill=False, lw=1.2, ec="black"))
        if peak < 0:
            why = why_missing(found.at_peak[j].reason)
            axes.text((found.n_layers - 1) / 2, j, why, ha="center", va="center", fontsize=6.5,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip
    axes.tick_params(axis="y", labelsize=6.8)
    return image


def _colour_bar(canvas: Canvas, image: Any, grid: Any) -> None:
    if image is not None:
        bar = canvas.colorbar(image, ax=list(grid.ravel()), location="bottom", shrink=0.45,
                              aspect=35, pad=0.03)  # fmt: skip
        bar.set_label("Spearman's ρ")
        bar.outline.set_visible(False)


def panels(data: StudyData, group: Signatures, kept: Kept, name: str, ending: str) -> Figure:
    """Draw each axis's correlations along the network, models overlaid."""
    from matplotlib.lines import Line2D

    axes_, limit = data.study.axes, _limit(group)
    rows = n_rows(len(axes_))

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        for j, (panel, axis) in enumerate(zip(grid.ravel(), axes_, strict=False)):
            panel.set_title(axis.name)
            panel.set_ylim(-1.1 * limit, 1.1 * limit)
            _curves(panel, data, group, kept, j)
            if j % COLUMNS == 0:
                panel.set_ylabel("ρ")
        curves = [Line2D([], [], label=m.label, **_style(data, group, m)) for m in group.present]
        close_grid(grid, len(axes_), [*curves, *marks(bars=False)])
        canvas.supxlabel("relative depth (0: embeddings, 1: last layer)", fontsize=8.5)

    return Figure(
        name, f"{data.study.id}/combined_layer_axis_panels{ending}",
        "Spearman's ρ between activation entropy and each axis along the network, all "
        f"{group.cohort.unit}s overlaid. Marks: the peaks, filled where they survive the search "
        "over layers and the correction for all matrices "
        f"({_how_many(_count_kept(kept))}).",
        f"One panel an axis, one curve a {group.cohort.unit}.",
        (figures.WIDTH, 1.25 * rows + 0.4), draw,
    )  # fmt: skip


def _curves(axes: Any, data: StudyData, group: Signatures, kept: Kept, j: int) -> None:
    axes.axhline(0, color="#999999", lw=0.7)
    missing: dict[str, list[str]] = {}
    for model in group.present:
        found = group.found[model.key]
        peak = int(found.test.peak[j])
        if peak < 0:
            missing.setdefault(why_missing(found.at_peak[j].reason), []).append(model.label)
            continue
        style, rho = _style(data, group, model), found.test.rho[:, j]
        at = np.arange(rho.size) / max(rho.size - 1, 1)
        axes.plot(at, rho, **style)
        face = style["color"] if kept[model.key][j] else "white"
        axes.plot(at[peak], rho[peak], "o", ms=4, mew=1, color=style["color"],
                  markerfacecolor=face, zorder=3)  # fmt: skip
    everyone = len(group.present)
    if sum(map(len, missing.values())) == everyone:
        why = _NOTHING if not everyone else f"The axis is {' or '.join(missing)}."
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=7.5,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    elif missing:
        notes = [f"{fmt.listing(who)}: {why}" for why, who in missing.items()]
        axes.text(0.99, 0.03, "; ".join(notes), transform=axes.transAxes, ha="right", va="bottom",
                  fontsize=6.5, color="#666666")  # fmt: skip


def _style(data: StudyData, group: Signatures, model: Model) -> dict[str, Any]:
    """Give a model its colour and, where colours carry no order, a line style for greyscale."""
    number = group.models.index(model)
    dash = "-" if group.cohort.intervention else _DASHES[number % len(_DASHES)]
    return {"color": data.colours[model.key], "linestyle": dash, "lw": 1.1}


def bins(data: StudyData, group: Signatures, kept: Kept, name: str, ending: str) -> Figure:
    """Draw all matrices side by side, averaged in bins of relative depth."""
    names = [axis.name for axis in data.study.axes]
    matrices = binned(group)
    n_columns = min(max(len(matrices), 1), _BINNED_COLUMNS)
    rows = max(1, -(-len(matrices) // n_columns))

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, n_columns, squeeze=False)
        image = None
        for i, panel in enumerate(grid.ravel()):
            if i >= len(matrices):
                figures.empty(panel, "" if matrices else _NOTHING)
                continue
            model, matrix = matrices[i]
            marks = _bins_of_peaks(group, model, kept[model.key], matrix.shape)
            image = figures.heat_map(panel, matrix.T, names, (), marks=marks.T,
                                     limit=_limit(group))  # fmt: skip
            panel.set_title(model.label, fontsize=8)
            panel.set_xticks([-0.5, len(matrix) - 0.5], ["0", "1"])
            panel.set_xlabel("depth", fontsize=6.8, labelpad=-6)
            panel.tick_params(axis="both", labelsize=6.8, labelleft=i % n_columns == 0)
        _colour_bar(canvas, image, grid)

    return Figure(
        name, f"{data.study.id}/combined_binned_heatmap{ending}",
        "The correlations of each matrix averaged in bins of relative depth (0: embeddings, "
        f"1: last layer), {group.cohort.unit}s side by side. Dots: bins that hold a peak that "
        "survives the search over layers and the correction for all matrices "
        f"({_how_many(_count_kept(kept))}). Hatched: undefined.",
        f"One narrow heat map a {group.cohort.unit}, axes by bins of depth, from negative (blue) "
        "to positive (red) correlations.",
        (figures.WIDTH, 1.6 * rows + 0.9), draw,
    )  # fmt: skip


def _bins_of_peaks(
    group: Signatures, model: Model, kept: Sequence[bool], shape: tuple[int, ...]
) -> np.ndarray:
    """Mark the bins in which surviving peaks lie, (n_bins, A)."""
    found, n_bins = group.found[model.key], shape[0]
    marks = np.zeros(shape, dtype=bool)
    for j, peak in enumerate(found.test.peak.tolist()):
        if kept[j]:
            marks[min(peak * n_bins // max(found.n_layers - 1, 1), n_bins - 1), j] = True
    return marks
