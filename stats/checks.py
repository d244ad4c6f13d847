"""Guards that every statistic passes its input through."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.outcome import Reason

FloatArray = NDArray[np.float64]

# Values closer together than this, relative to their size, carry no order: floating-point
# noise would otherwise be ranked as if it were data.
_RELATIVE_NOISE = 1e-12


def vector(values: ArrayLike, name: str = "x") -> FloatArray:
    """Return ``values`` as a one-dimensional float array.

    Parameters
    ----------
    values : array-like, shape (n,)
    name : str
        What the message calls it.

    Raises
    ------
    ValueError
        If it has another number of dimensions.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    return array


def pair(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two vectors of the same length.

    Parameters
    ----------
    x, y : array-like, shape (n,)

    Raises
    ------
    ValueError
        If their lengths differ.
    """
    first, second = vector(x, "x"), vector(y, "y")
    if first.size != second.size:
        raise ValueError(f"x has {first.size} values and y has {second.size}")
    return first, second


def is_constant(values: FloatArray) -> bool:
    """Tell whether all values are equal up to floating-point noise."""
    if values.size == 0:
        return True
    spread = float(np.max(values) - np.min(values))
    return spread <= _RELATIVE_NOISE * max(float(np.max(np.abs(values))), 1e-300)


def why_not(*samples: FloatArray, minimum: int) -> Reason | None:
    """Say why a statistic of these samples is undefined, or None if it is defined.

    Parameters
    ----------
    *samples : ndarray, shape (n,)
    minimum : int
        Fewest observations that the statistic needs.
    """
    if any(not np.isfinite(s).all() for s in samples):
        return Reason.NON_FINITE
    if any(s.size < minimum for s in samples):
        return Reason.TOO_FEW
    if any(is_constant(s) for s in samples):
        return Reason.CONSTANT_INPUT
    return None
