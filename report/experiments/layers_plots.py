"""Figures of experiment 2."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas

from report import figures
from report.document import Figure
from report.experiments.base import StudyData, entry_id
from report.ledger import Ledger
from report.study import Model

_NAME = "exp2_layer_entropy"


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

    narrow = min(members, key=lambda m: value("max", m) - value("min", m))
    wide = max(members, key=lambda m: value("max", m) - value("min", m))
    return Figure(
        name, f"{data.study.id}/{_NAME}_published",
        "Range of activation entropy over the layers of each model, from the lowest to the "
        "highest layer mean, as published. Where in the model they lie was not published.",
        f"One horizontal range a model, the narrowest in {narrow.name}, the widest in "
        f"{wide.name}.",
        (figures.WIDTH, 0.3 * len(members) + 0.8), draw,
    )  # fmt: skip
