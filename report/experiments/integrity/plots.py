"""The drawing of the section on data integrity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from report.capture.features import Baseline
from report.document import figures
from report.experiments.base import StudyData
from report.study.study import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

COLUMNS = 6


def height(count: int) -> float:
    """Return the height in inches that so many panels need: square, and large if they are few."""
    columns = min(count, COLUMNS)
    return -(-count // COLUMNS) * max(1.05, min(6.0 / columns, 2.2)) + 0.5


def right_against_wrong(
    canvas: Canvas, data: StudyData, pairs: Sequence[tuple[Model, Baseline]]
) -> None:
    """Draw the entropy of wrongly cut answers against that of rightly cut ones."""
    columns = min(len(pairs), COLUMNS)
    rows = -(-len(pairs) // COLUMNS)
    grid = canvas.subplots(rows, columns, squeeze=False)
    for panel in grid.flat[len(pairs) :]:
        panel.set_visible(False)
    for panel in grid[:, 0]:
        panel.set_ylabel("at the wrong rows", fontsize=8)
    for panel, (model, baseline) in zip(grid.flat, pairs, strict=False):
        panel.set_title(model.label, fontsize=8.5, loc="center")
        right, wrong = baseline.entropy, baseline.misaligned_entropy
        both = np.isfinite(right) & np.isfinite(wrong) if wrong is not None else np.zeros(0, bool)
        if wrong is None or not both.any():
            figures.empty(panel, "The wrong rows hold nothing.")
            continue
        tone = data.colours[model.key]
        everything = np.concatenate([right[np.isfinite(right)], wrong[both]])
        low, high = float(everything.min()), float(everything.max())
        reach = 0.12 * (high - low or 1.0)
        low, high = low - reach, high + reach
        panel.plot([low, high], [low, high], color=figures.FAINT, lw=1)
        panel.plot(right[both], wrong[both], "o", ms=3, color=tone, alpha=0.75, mew=0)
        lost = right[np.isfinite(right) & np.isnan(wrong)]
        panel.vlines(lost, low, low + 0.07 * (high - low), color=figures.INK, lw=1)
        panel.set_xlim(low, high)
        panel.set_ylim(low, high)
        panel.set_aspect("equal")
        panel.locator_params(nbins=3, steps=(1, 2, 5, 10))
        panel.tick_params(labelsize=7)
    canvas.supxlabel("entropy, answers cut at the right rows (nats)", fontsize=8.5)
