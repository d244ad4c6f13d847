"""Effective dimension of a cloud of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, centred_to_one, confidence, is_constant, real
from stats.draws import Drawn, Integers, counts_of, over_blocks
from stats.nulls import t_quantile
from stats.outcome import Estimate, Interval, Reason

# A resample whose total variance is below this share of the sample's is one point repeated:
# what is left is rounding.
_NO_VARIANCE = 1e-12


def _points(projections: ArrayLike) -> FloatArray:
    points = real(projections, "projections")
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"projections must have shape (Q, A), got {points.shape}")
    return points


def _undefined(points: FloatArray, fewest: int) -> Reason | None:
    if not np.isfinite(points).all():
        return Reason.NON_FINITE
    if points.shape[0] < fewest:
        return Reason.TOO_FEW
    return Reason.CONSTANT_INPUT if all(is_constant(axis) for axis in points.T) else None


def participation_ratio(projections: ArrayLike) -> Estimate:
    """Compute the participation ratio of the covariance of the projections.

    (Σλ)²/Σλ² over the eigenvalues λ of the covariance; equal to (tr C)²/tr C², so no
    eigenvalue is computed. It lies between 1 and min(A, Q − 1). Axes that are constant
    contribute nothing and are allowed.

    Parameters
    ----------
    projections : array_like, shape (Q, A)
        Q questions on A axes.

    Returns
    -------
    Estimate
        Missing with fewer than two questions, with values that are not finite, or when
        every axis is constant. For its interval see `resampled_participation_ratio`.

    Raises
    ------
    ValueError
        If the array is not two-dimensional.
    """
    points = _points(projections)
    n = points.shape[0]
    if reason := _undefined(points, 2):
        return Estimate.missing(reason, n)
    return Estimate(float(resampled_participation_ratio(points, np.ones((1, n)))[0]), n)


def resampled_participation_ratio(projections: ArrayLike, counts: ArrayLike | Drawn) -> FloatArray:
    """Compute the participation ratio under many resamples at once.

    Parameters
    ----------
    projections : array_like, shape (Q, A)
        Finite values.
    counts : array_like of int, shape (B, Q), or Drawn
        How often each question was drawn.

    Returns
    -------
    ndarray, shape (B,)
        NaN where a resample has no variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a row of counts does not add up to Q.
    """
    points = _points(projections)
    questions, axes = points.shape
    centred = centred_to_one(points)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(questions, axes * axes)
    floor = _NO_VARIANCE * float(np.square(centred).sum()) / max(questions, 1)

    def ratios(weights: Integers) -> FloatArray:
        total = np.maximum(weights.sum(axis=1), 1.0)
        means = weights @ centred / total[:, None]
        moments = (weights @ products / total[:, None]).reshape(-1, axes, axes)
        covariance = moments - means[:, :, None] * means[:, None, :]
        trace = np.trace(covariance, axis1=1, axis2=2)
        squares = np.square(covariance).sum(axis=(1, 2))
        ratio = np.full(trace.shape, np.nan)
        return np.divide(np.square(trace), squares, out=ratio, where=trace > floor)

    return over_blocks(counts_of(counts, questions, total=questions), ratios)


def jackknife_participation_ratio(projections: ArrayLike) -> FloatArray:
    """Compute the participation ratio without each question in turn.

    Parameters
    ----------
    projections : array_like, shape (Q, A)

    Returns
    -------
    ndarray, shape (Q,)
    """
    points = _points(projections)
    n = points.shape[0]
    return resampled_participation_ratio(points, Drawn.leaving_one_out(n))


def corrected_participation_ratio(projections: ArrayLike, level: float = 0.95) -> Estimate:
    """Estimate the participation ratio over all possible questions from a sample of them.

    The plain ratio of a sample lies below that of the population, and by how much depends on
    the spectrum. Here numerator and denominator, (tr Σ)² and tr Σ², are each estimated without
    bias: as means over all quadruples of different questions i, j, k, l of ‖xᵢ − xⱼ‖²‖xₖ − xₗ‖²
    and of ((xᵢ − xⱼ)·(xₖ − xₗ))². Their ratio is nearly unbiased.

    Parameters
    ----------
    projections : array_like, shape (Q, A)
        Q questions on A axes.
    level : float
        Of the interval: a jackknife over questions on the logarithm, with Student's t of
        Q − 1 degrees of freedom.

    Returns
    -------
    Estimate
        Missing with fewer than four questions, with values that are not finite, when every
        axis is constant, or when an unbiased estimate is not positive.

    Raises
    ------
    ValueError
        If the array is not two-dimensional.

    References
    ----------
    Chun, Canatar, Chung and Lee (2026), Estimating dimensionality of neural representations
    from finite samples, ICLR (their estimator over rows).
    """
    points, level = _points(projections), confidence(level)
    n = points.shape[0]
    if reason := _undefined(points, 4):
        return Estimate.missing(reason, n)
    unit = centred_to_one(points)
    gram = unit @ unit.T
    lengths = np.diag(gram)
    distances = lengths[:, None] + lengths[None, :] - 2.0 * gram
    np.fill_diagonal(distances, 0.0)
    np.fill_diagonal(gram, 0.0)
    found = _quadruples(distances, gram, n)
    if not found > 0.0:
        return Estimate.missing(Reason.NOT_POSITIVE, n)
    if n < 5:
        return Estimate(found, n, no_interval=Reason.TOO_FEW)
    without = _quadruples_without_each(distances, gram)
    if not (without > 0.0).all():
        return Estimate(found, n, no_interval=Reason.NOT_POSITIVE)
    logs = np.log(without)
    error = float(np.sqrt((n - 1) / n * np.square(logs - logs.mean()).sum()))
    if error == 0.0:
        return Estimate(found, n, no_interval=Reason.NO_SPREAD)
    factor = float(np.exp(t_quantile(0.5 + level / 2, n - 1) * error))
    if not np.isfinite(found * factor):
        return Estimate(found, n, no_interval=Reason.UNBOUNDED)
    return Estimate(found, n, Interval(found / factor, found * factor, level, "jackknife-log"))


def _ratio(n: int, distances: tuple[FloatArray, ...], gram: tuple[FloatArray, ...]) -> FloatArray:
    """Divide sums over quadruples of different questions; NaN where the divisor is not positive.

    Each of the two symmetric matrices with an empty diagonal is given as its sum, the sum of its
    squared row sums, and the sum of its squares.
    """
    total, rows, squares = distances
    above = total**2 - 4.0 * rows + 2.0 * squares
    total, rows, squares = gram
    apart = (n - 2) * (n - 3) * squares
    one_shared = (n - 3) * (rows - squares)
    none_shared = total**2 - 4.0 * rows + 2.0 * squares
    below = 4.0 * (apart - 2.0 * one_shared + none_shared)
    noise = _NO_VARIANCE * (n - 2) * (n - 3) * squares
    undefined = np.full(np.shape(below), np.nan)
    return np.divide(above, below, out=undefined, where=below > noise)


def _sums(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    rows = matrix.sum(axis=1)
    return matrix.sum(), np.square(rows).sum(), np.square(matrix).sum()


def _quadruples(distances: FloatArray, gram: FloatArray, n: int) -> float:
    return float(_ratio(n, _sums(distances), _sums(gram)))


def _sums_without_each(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the three sums of a matrix without its i-th row and column, for every i."""
    total, squared_rows, squares = _sums(matrix)
    rows, own = matrix.sum(axis=1), np.square(matrix).sum(axis=1)
    return (
        total - 2.0 * rows,
        squared_rows - np.square(rows) - 2.0 * matrix @ rows + own,
        squares - 2.0 * own,
    )


def _quadruples_without_each(distances: FloatArray, gram: FloatArray) -> FloatArray:
    n = distances.shape[0] - 1
    return _ratio(n, _sums_without_each(distances), _sums_without_each(gram))
