"""Several answers to one question: they are averaged, so that n is the number of questions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from report.capture.features import FloatArray, IntArray

Groups = Sequence[IntArray]


def groups_of(labels: Sequence[Hashable]) -> list[IntArray]:
    """Return the positions of the answers to each question, in the order of the first ones."""
    found: dict[Hashable, list[int]] = {}
    for i, label in enumerate(labels):
        found.setdefault(label, []).append(i)
    return [np.array(places, dtype=np.int64) for places in found.values()]


def averaged(values: NDArray[Any], groups: Groups) -> NDArray[Any]:
    """Average what is known of the answers to each question; NaN where nothing is.

    Where each question has one answer, the values are given back as they are.
    """
    if all(group.size == 1 for group in groups):
        return values[np.concatenate(groups)] if groups else values[:0]
    wide = values.astype(np.float64)
    known = np.isfinite(wide)
    shape = (len(groups), *values.shape[1:])
    result = np.full(shape, np.nan)
    for i, group in enumerate(groups):
        times = known[group].sum(axis=0)
        total = np.where(known[group], wide[group], 0.0).sum(axis=0)
        result[i] = np.where(times > 0, total / np.maximum(times, 1), np.nan)
    return result


def summed(values: IntArray, groups: Groups) -> IntArray:
    """Add up the answers to each question."""
    return np.array([values[group].sum() for group in groups], dtype=np.int64)


def variances(values: FloatArray, groups: Groups) -> FloatArray:
    """Return the variance (n − 1) within each question; NaN for one answer, or an unknown one."""
    return np.array([
        values[group].var(ddof=1) if group.size > 1 and np.isfinite(values[group]).all()
        else np.nan for group in groups
    ], dtype=np.float64)  # fmt: skip
