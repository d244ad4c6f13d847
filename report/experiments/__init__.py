"""The experiments of a study, in the order of the document.

To add one: a module or package here with ``SLUG``, ``TITLE``, ``analyse`` and ``present``, a
template of the same name, a test of the same name, and a line below.
"""

from __future__ import annotations

from typing import cast

from report.experiments import (
    behaviour,
    calibration,
    dimension,
    generation,
    integrity,
    layers,
    signature,
)
from report.experiments.base import Experiment

EXPERIMENTS = cast(
    "tuple[Experiment, ...]",
    (integrity, generation, layers, behaviour, dimension, calibration, signature),
)
