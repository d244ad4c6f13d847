"""Figures of experiment 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from report.document import figures
from report.document.parts import Figure
from report.experiments.base import StudyData, entry_id
from report.experiments.layers.measured import Profiles
from report.ledger.ledger import Ledger
from report.study.study import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_NAME = "exp2_layer_entropy"
_DASHES = ("-", "--", "-.", ":")


def ranges(data: StudyData, ledger: Ledger, members: Sequence[Model], name: str) -> Figure:
    """Draw the published range of each model as a dumbbell."""

    def value(quantity: str, model: Model) -> float:
        found = ledger[entry_id("layers", quantity, model.key, "published")].value
        assert found is not None
        return found

    low = [value("min", m) for m in members]
    high = [value("max", m) for m in members]

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        figures.dumbbells(
            axes, [m.label for m in members], low, high, [data.colours[m.key] for m in members]
        )
        axes.set_xlim(0, max(high) * 1.05)
        axes.set_xlabel("activation entropy (nats), lowest to highest layer mean")

    widths = {m.name: round(value("max", m) - value("min", m), 6) for m in members}
    narrow, wide = min(widths, key=widths.__getitem__), max(widths, key=widths.__getitem__)
    seen = f", the narrowest in {narrow}, the widest in {wide}"
    return Figure(
        name, f"{data.study.id}/{_NAME}_published",
        "Range of activation entropy over the layers of each model, from the lowest to the "
        "highest layer mean, as published. Where in the model they lie was not published.",
        f"One horizontal range a model{seen * (widths[narrow] < widths[wide])}.",
        (figures.WIDTH, 0.3 * len(members) + 0.8), draw,
    )  # fmt: skip


def profiles(data: StudyData, group: Profiles, name: str, n_cohorts: int) -> tuple[Figure, ...]:
    """Draw the profiles of one cohort, and the spectral entropies.

    Parameters
    ----------
    data : StudyData
    group : Profiles
    name : str
        Id of the first figure; that of the spectra, if there are any, ends in ``-spectra``.
    n_cohorts : int
        Captured cohorts of the study: with more than one, file names carry the cohort's key.
    """
    ending = f"_{group.cohort.key}" if n_cohorts > 1 else ""
    curves = {m.key: profile for m in group.present if (profile := group.profile(m))}

    def by_position(canvas: Canvas) -> None:
        panels = canvas.subplots(1, 2, sharey=True)
        for number, model in enumerate(group.present):
            curve = curves[model.key]
            layers = np.arange(curve.mean.size)
            style = _style(data, group, model, number)
            spread = curve.sd, curve.sd / np.sqrt(np.maximum(curve.known, 1))
            for axes, at, band in zip(panels, (layers, _relative(layers)), spread, strict=True):
                axes.plot(at, curve.mean, label=model.label, **style)
                axes.fill_between(at, curve.mean - band, curve.mean + band,
                                  color=style["color"], alpha=0.13, lw=0)  # fmt: skip
        panels[0].set_ylabel("activation entropy (nats)")
        _finish(canvas, panels, group, ("band: ± 1 sd over questions", "band: ± 1 standard error"))

    def spectra(canvas: Canvas) -> None:
        panels = canvas.subplots(1, 2, sharey=True)
        for number, model in enumerate(group.present):
            values = group.baselines[model.key].spectral_entropy
            if values is None:
                continue
            layers = np.arange(values.size)
            for axes, at in zip(panels, (layers, _relative(layers)), strict=True):
                axes.plot(at, values, label=model.label, **_style(data, group, model, number))
        panels[0].set_ylabel("spectral entropy (nats)")
        _finish(canvas, panels, group, ("", ""))

    unit = group.cohort.unit
    found = (
        Figure(
            name, f"{data.study.id}/{_NAME}{ending}",
            f"Activation entropy of each {unit} by layer, mean over questions. Left: by layer, "
            "with the standard deviation over questions. Right: by relative depth (0: embeddings, "
            "1: last layer), with the standard error of the mean.",
            f"Two panels of curves, one curve a {unit}, by layer and by relative depth.",
            (figures.WIDTH, 3.1), by_position,
        ),
        Figure(
            f"{name}-spectra", f"{data.study.id}/exp2_spectral_entropy{ending}",
            "Spectral entropy of the activations by layer: the entropy of the normalised "
            "eigenvalues of their covariance over questions. Left: by layer. Right: by relative "
            "depth.",
            f"Two panels of curves, one curve a {unit}, by layer and by relative depth.",
            (figures.WIDTH, 2.9), spectra,
        ),
    )  # fmt: skip
    measured = [group.baselines[m.key].spectral_entropy for m in group.present]
    known = any(values is not None and np.isfinite(values).any() for values in measured)
    return found if known else found[:1]


def _relative(layers: np.ndarray) -> np.ndarray:
    return layers / max(layers.size - 1, 1)


def _style(data: StudyData, group: Profiles, model: Model, number: int) -> dict[str, Any]:
    """Give a model its colour and, where colours carry no order, a line style for greyscale."""
    dash = "-" if group.cohort.intervention else _DASHES[number % len(_DASHES)]
    return {"color": data.colours[model.key], "linestyle": dash, "lw": 1.3}


def _finish(canvas: Canvas, panels: Any, group: Profiles, notes: tuple[str, str]) -> None:
    if not group.present:
        for axes in panels:
            figures.empty(axes, "No layers were captured.")
        return
    for axes, label, note in zip(
        panels, ("layer (0: embeddings)", "relative depth"), notes, strict=True
    ):
        axes.set_xlabel(label)
        axes.set_title(note, fontsize=8, weight="normal")
        axes.grid(axis="y")
        axes.margins(x=0.02)
    curves = panels[0].get_lines()  # named: by itself a legend leaves out names like "_a"
    canvas.legend(
        handles=curves,
        loc="outside lower center",
        ncols=min(len(curves), 6),
        handlelength=2.2,
        columnspacing=1.2,
    )
