"""The experiments of a study, in the order of the document.

To add one: a module or package here with ``SLUG``, ``TITLE``, ``analyse`` and ``present``, a
template of the same name, a test of the same name, and a line below. The section that `present`
describes holds its answers for the front, too.
"""

from __future__ import annotations

from collections.abc import Collection
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

_BESIDE = {
    "integrity": {"generation", "behaviour"},
    "behaviour": {"generation", "dimension"},
    "dimension": {"generation"},
}
"""Whose numbers an experiment shows beside its own."""


def needed_for(slugs: Collection[str]) -> tuple[Experiment, ...]:
    """Return the experiments that have to be analysed so that some can be presented.

    Parameters
    ----------
    slugs : collection of str
        Those that are presented; all, if it is empty.
    """
    wanted = set(slugs).union(*(_BESIDE.get(slug, ()) for slug in slugs))
    return tuple(e for e in EXPERIMENTS if e.SLUG in wanted or not slugs)
