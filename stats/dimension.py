"""Effective dimension of a cloud of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, is_constant
from stats.outcome import Estimate, Reason

# A resample whose total variance is below this share of the sample's is one point repeated:
# what is left is rounding.
_NO_VARIANCE = 1e-12


def _points(projections: ArrayLike) -> FloatArray:
    points = np.asarray(projections, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"projections must have shape (Q, A), got {points.shape}")
    return points


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
    if not np.isfinite(points).all():
        return Estimate.missing(Reason.NON_FINITE, n)
    if n < 2:
        return Estimate.missing(Reason.TOO_FEW, n)
    if all(is_constant(axis) for axis in points.T):
        return Estimate.missing(Reason.CONSTANT_INPUT, n)
    return Estimate(float(resampled_participation_ratio(points, np.ones((1, n)))[0]), n)


def resampled_participation_ratio(projections: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Compute the participation ratio under many resamples at once.

    Parameters
    ----------
    projections : array_like, shape (Q, A)
        Finite values.
    counts : array_like, shape (B, Q)
        How often each question was drawn.

    Returns
    -------
    ndarray, shape (B,)
        NaN where a resample has no variance.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    points, weights = _points(projections), np.asarray(counts, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != points.shape[0]:
        raise ValueError(f"counts of shape {weights.shape} for {points.shape[0]} questions")
    questions, axes = points.shape
    centred = points - points.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(questions, axes * axes)
    total = np.maximum(weights.sum(axis=1), 1.0)
    means = weights @ centred / total[:, None]
    moments = (weights @ products / total[:, None]).reshape(-1, axes, axes)
    covariance = moments - means[:, :, None] * means[:, None, :]
    trace = np.trace(covariance, axis1=1, axis2=2)
    squares = np.square(covariance).sum(axis=(1, 2))
    floor = _NO_VARIANCE * float(np.square(centred).sum()) / max(questions, 1)
    ratio = np.full(trace.shape, np.nan)
    return np.divide(np.square(trace), squares, out=ratio, where=trace > floor)


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
    return resampled_participation_ratio(points, np.ones((n, n)) - np.eye(n))
