"""Guards that every statistic passes its input through."""

from __future__ import annotations

from typing import Any, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.outcome import Alternative, Reason

FloatArray = NDArray[np.float64]

NOISE = 1e-12
"""Values closer together than this, relative to the larger of the two, are tied: floating-point
noise would otherwise be ranked as if it were data."""


def real(values: ArrayLike, name: str) -> FloatArray:
    """Return ``values`` as an array of floats.

    Parameters
    ----------
    values : array-like
    name : str
        What the message calls it.

    Raises
    ------
    ValueError
        If it is a masked array: the mask would be lost in silence.
    """
    return unmasked(values, name).astype(np.float64, copy=False)


def unmasked(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return ``values`` as an array of their own type.

    Parameters
    ----------
    values : array-like
    name : str
        What the message calls it.

    Raises
    ------
    ValueError
        If it is a masked array: the mask would be lost in silence.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array: leave the masked values out first")
    return np.asarray(values)


def confidence(level: float, name: str = "level") -> float:
    """Return a confidence level that lies between 0 and 1.

    Parameters
    ----------
    level : float
    name : str
        What the message calls it.

    Raises
    ------
    ValueError
        If it lies elsewhere: 95 for 0.95, say.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"{name} must be between 0 and 1, got {level!r}")
    return level


def one_of(alternative: str) -> Alternative:
    """Return the alternative of a test, if it is one.

    Parameters
    ----------
    alternative : {"two-sided", "greater", "less"}

    Raises
    ------
    ValueError
        If it is spelt otherwise, as R does it, say.
    """
    if alternative not in get_args(Alternative):
        known = ", ".join(map(repr, get_args(Alternative)))
        raise ValueError(f"alternative must be one of {known}, got {alternative!r}")
    return cast(Alternative, alternative)


def resamples(counts: ArrayLike, n: int, total: int | None = None) -> FloatArray:
    """Return counts of how often each observation was drawn, one resample per row.

    Parameters
    ----------
    counts : array-like, shape (B, n)
    n : int
        Number of observations.
    total : int, optional
        What every row must add up to.

    Raises
    ------
    ValueError
        If the shape or a row's sum differs, or a count is negative or no whole number.
    """
    array = real(counts, "counts")
    if array.ndim != 2 or array.shape[1] != n:
        raise ValueError(f"counts of shape {array.shape} for {n} observations")
    whole = np.asarray(counts).dtype.kind in "iu" or (
        np.isfinite(array).all() and (array % 1.0 == 0.0).all()
    )
    if not whole or array.min(initial=0.0) < 0.0:
        raise ValueError("counts must be whole numbers that are not negative")
    if total is not None and (array.sum(axis=1) != total).any():
        raise ValueError(f"every row of counts must add up to {total}")
    return array


def orders(permutations: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return permutations of ``range(n)``, one per row.

    Parameters
    ----------
    permutations : array-like of int, shape (B, n)
    n : int

    Raises
    ------
    ValueError
        If the shape differs, or a row is no permutation.
    """
    array = np.asarray(permutations)
    if array.ndim != 2 or array.shape[1] != n:
        raise ValueError(f"permutations must have {n} columns, got shape {array.shape}")
    if array.dtype.kind not in "iu" or (np.sort(array, axis=1) != np.arange(n)).any():
        raise ValueError(f"every row of permutations must hold each of 0…{n - 1} once")
    return array.astype(np.int64, copy=False)


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
    array = real(values, name)
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


def centred_to_one(points: FloatArray) -> FloatArray:
    """Centre points, and scale them so that the largest coordinate is about 1.

    For statistics without a scale: squares of 1e-200 would vanish, and those of 1e200 overflow.
    The factors are powers of two, so no digit changes.

    Parameters
    ----------
    points : ndarray, shape (Q, A)
        Finite values.
    """
    scaled = _to_one(points)
    return _to_one(scaled - scaled.mean(axis=0))


def _to_one(points: FloatArray) -> FloatArray:
    _, exponent = np.frexp(np.abs(points).max(initial=0.0))
    return np.ldexp(points, -int(exponent))


def ties_joined(values: FloatArray, noise: FloatArray | None = None) -> FloatArray:
    """Give values that are equal up to floating-point noise one value, the smallest of them.

    All rank methods start from it, so that 0.1 + 0.2 and 0.3 are tied in each of them.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, p)
        Compared along the first axis; finite.
    noise : ndarray, same shape, optional
        How uncertain each value is; by default `NOISE` of its own size. Of two neighbours the
        larger one counts.

    Returns
    -------
    ndarray, same shape
    """
    order = np.argsort(values, axis=0, kind="stable")
    ascending = np.take_along_axis(values, order, axis=0)
    unsure = np.take_along_axis(NOISE * np.abs(values) if noise is None else noise, order, axis=0)
    with np.errstate(over="ignore"):  # from one end of the range of floats to the other
        apart = np.diff(ascending, axis=0) > np.maximum(unsure[1:], unsure[:-1])
    begins = np.zeros(values.shape, dtype=np.int64)
    places = np.arange(1, len(values)).reshape(-1, *[1] * (values.ndim - 1))
    begins[1:] = np.maximum.accumulate(np.where(apart, places, 0), axis=0)
    joined = np.empty_like(values)
    np.put_along_axis(joined, order, np.take_along_axis(ascending, begins, axis=0), axis=0)
    return joined


def is_constant(values: FloatArray) -> bool:
    """Tell whether all values are equal up to floating-point noise."""
    if values.size == 0:
        return True
    spread = float(np.max(values) - np.min(values))
    return spread <= NOISE * max(float(np.max(np.abs(values))), 1e-300)


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
