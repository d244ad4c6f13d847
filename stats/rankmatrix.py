"""Spearman correlations of many variables at once, plain and under resampling counts.

A resample is a vector of counts, how often each observation was drawn. The mid-rank of an
observation among the resampled ones is linear in the counts: with c the counts and v the
values, ``sum_j c_j sign(v_i - v_j)`` is twice its centred mid-rank, ties included. So the
ranks of many variables under many resamples are one matrix product, their correlations a
second one, and every number on the way is an integer that floating point holds exactly. For
many observations cumulative counts in the order of the values give the same ranks sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, real, ties_joined, why_not
from stats.correlation import IntArray, centred_ranks
from stats.draws import DrawnRows, blocks, counts_of

# Numbers held at once by one intermediate array.
_CHUNK = 1 << 20

# From so many observations on, cumulative counts are faster than products with signs.
_MANY = 128

# Two correlations closer than this are tied; distinct ones of up to 1,000 observations
# differ by more.
TIE = 1e-10


def first_largest(strength: FloatArray, axis: int) -> IntArray:
    """Return where along an axis the largest correlation lies; of tied ones the first.

    Parameters
    ----------
    strength : ndarray
        Absolute correlations, negative where undefined; not empty along the axis.
    axis : int
    """
    return (strength >= strength.max(axis=axis, keepdims=True) - TIE).argmax(axis=axis)


def spearman_matrix(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Spearman correlations of every column of x with every column of y.

    Parameters
    ----------
    x : array-like, shape (n, p)
    y : array-like, shape (n, q)

    Returns
    -------
    ndarray, shape (p, q)
        NaN where undefined: a column that is constant or not finite, or n < 3.

    Raises
    ------
    ValueError
        If x and y are not tables with equally many rows.
    """
    first, second = columns(x, y)
    ranks_x, ranks_y = unit_ranks(first), unit_ranks(second)
    defined = np.outer(ranks_x.any(axis=0), ranks_y.any(axis=0))
    return np.where(defined, np.clip(ranks_x.T @ ranks_y, -1.0, 1.0), np.nan)


def spearman_rows(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Spearman correlation of each row of x with the same row of y.

    For uncertainty that is propagated: row b holds the b-th replicate of k quantities, and
    each quantity was resampled on its own.

    Parameters
    ----------
    x, y : array-like, shape (B, k)

    Returns
    -------
    ndarray, shape (B,)
        NaN where undefined.

    Raises
    ------
    ValueError
        If the tables are not two-dimensional and of one shape.
    """
    first, second = real(x, "x"), real(y, "y")
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"need two tables of one shape, got {first.shape} and {second.shape}")
    ranks_x, ranks_y = unit_ranks(first.T), unit_ranks(second.T)
    defined = ranks_x.any(axis=0) & ranks_y.any(axis=0)
    return np.where(defined, np.clip((ranks_x * ranks_y).sum(axis=0), -1.0, 1.0), np.nan)


def spearman_replicates(x: ArrayLike, y: ArrayLike, counts: DrawnRows) -> FloatArray:
    """Spearman correlations of every column pair in every resample.

    Parameters
    ----------
    x : array-like, shape (n, p)
    y : array-like, shape (n, q)
    counts : ndarray of int, shape (B, n), or Drawn

    Returns
    -------
    ndarray, shape (B, p, q)
        NaN where a variable is constant in a resample, or unusable as a whole.

    Raises
    ------
    ValueError
        If x, y and the counts do not fit together, or a row of counts does not add up to n.
    """
    first, second = columns(x, y)
    n, p, q = first.shape[0], first.shape[1], second.shape[1]
    counts = counts_of(counts, n, total=n)
    # Sums of n terms of at most n * n: single precision holds them exactly up to n = 256.
    kind = np.float32 if n**3 <= 1 << 24 else np.float64
    ranks = _cumulative if n >= _MANY else _by_signs
    of_x, of_y = ranks(first, kind), ranks(second, kind)
    out = np.empty((counts.shape[0], p, q))
    step = max(1, _CHUNK // max((p + q) * n, 1))
    rows = (b[i : i + step] for b in blocks(counts) for i in range(0, len(b), step))
    start = 0
    for some in rows:
        c = some.astype(kind)
        # Whole numbers all of them; single-precision BLAS may flag what lies beyond the arrays.
        with np.errstate(invalid="ignore"):
            ranks_x, ranks_y = of_x(c), of_y(c)
            cross = ranks_x @ (ranks_y * c[:, None, :]).transpose(0, 2, 1)
            spread_x = ((ranks_x * ranks_x) @ c[:, :, None]).astype(np.float64)
            spread_y = ((ranks_y * ranks_y) @ c[:, :, None]).astype(np.float64)
        scale = np.sqrt(spread_x * spread_y.transpose(0, 2, 1))
        defined = scale > 0.0
        rho = np.full_like(scale, np.nan)
        np.divide(cross, scale, out=rho, where=defined)
        out[start : start + len(c)] = np.clip(rho, -1.0, 1.0)
        start += len(c)
    return out


def peak_distribution(replicates: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Tell how often each row holds its column's largest absolute rho over the resamples.

    Parameters
    ----------
    replicates : ndarray, shape (B, p, q)
        From `spearman_replicates`.
    weights : ndarray, shape (B,), optional

    Returns
    -------
    ndarray, shape (p, q)
        Shares; each column sums to 1, or is NaN if no resample has a value.
    """
    size = np.where(np.isnan(replicates), -1.0, np.abs(replicates))
    usable = size.max(axis=1) >= 0.0
    weight = np.ones(size.shape[0]) if weights is None else weights
    mass = usable * weight[:, None]
    peaks = first_largest(size, 1)
    shares = np.zeros((size.shape[1], size.shape[2]))
    for column in range(shares.shape[1]):
        np.add.at(shares[:, column], peaks[:, column], mass[:, column])
    total = mass.sum(axis=0)
    return np.divide(shares, total, out=np.full_like(shares, np.nan), where=total > 0.0)


def columns(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two tables with the same number of rows.

    Raises
    ------
    ValueError
        If they are not tables, or differ in their rows.
    """
    first, second = real(x, "x"), real(y, "y")
    if first.ndim != 2 or second.ndim != 2 or first.shape[0] != second.shape[0]:
        raise ValueError(f"need two tables with equal rows, got {first.shape} and {second.shape}")
    return first, second


def reasons(x: FloatArray, y: FloatArray) -> NDArray[np.object_]:
    """Say why each pair of columns has no correlation, shape (p, q); None where it has."""
    of_x = [why_not(column, minimum=3) for column in x.T]
    of_y = [why_not(column, minimum=3) for column in y.T]
    table = np.empty((len(of_x), len(of_y)), dtype=np.object_)
    for i, why_x in enumerate(of_x):
        for j, why_y in enumerate(of_y):
            table[i, j] = why_x or why_y
    return table


def unit_ranks(values: FloatArray) -> FloatArray:
    """Return centred mid-ranks scaled to length 1, by column; zeros for an unusable column."""
    usable = np.array([why_not(column, minimum=3) is None for column in values.T], dtype=bool)
    ranks = centred_ranks(np.where(usable, values, 0.0)).astype(np.float64)
    length = np.sqrt((ranks * ranks).sum(axis=0))
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0.0)


# What gives the centred ranks, (b, p, n), of a table's columns under counts, (b, n).
_Ranks = Callable[[NDArray[Any]], NDArray[Any]]


def _usable(values: FloatArray) -> FloatArray:
    """Make zeros of an unusable column, undefined in every resample; join ties in the others."""
    usable = np.array([why_not(column, minimum=3) is None for column in values.T], dtype=bool)
    return ties_joined(np.where(usable, values, 0.0))


def _by_signs(values: FloatArray, kind: type[np.floating[Any]]) -> _Ranks:
    """Multiply counts with sign(v_i - v_j): row j, then column and i."""
    clean = _usable(values)
    n, p = clean.shape
    signs = np.sign(clean.T[None, :, :] - clean[:, :, None]).reshape(n, p * n).astype(kind)
    return lambda counts: (counts @ signs).reshape(-1, p, n)


def _cumulative(values: FloatArray, kind: type[np.floating[Any]]) -> _Ranks:
    """Add up counts in the order of the values: those drawn below, and at most there."""
    clean = _usable(values)
    n, p = clean.shape
    order = np.argsort(clean, axis=0, kind="stable")
    ordered = np.take_along_axis(clean, order, axis=0)
    below, at_most = (
        np.column_stack([
            np.searchsorted(ordered[:, j], clean[:, j], side=side) for j in range(p)
        ]).reshape(n, p)
        for side in ("left", "right")
    )  # fmt: skip

    def ranks(counts: NDArray[Any]) -> NDArray[Any]:
        found = np.empty((len(counts), p, n), dtype=kind)
        drawn = np.zeros((len(counts), n + 1), dtype=kind)
        for j in range(p):
            np.cumsum(counts[:, order[:, j]], axis=1, out=drawn[:, 1:])
            found[:, j] = drawn[:, below[:, j]] + drawn[:, at_most[:, j]] - drawn[:, -1:]
        return found

    return ranks
