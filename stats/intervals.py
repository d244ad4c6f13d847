"""Bootstrap intervals from replicates, for any statistic."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, confidence, vector
from stats.outcome import Interval, Reason

Method = Literal["bca", "percentile"]

MAX_UNDEFINED_SHARE = 0.05
"""Largest share of undefined resamples with which a bootstrap interval is still given."""

_NO_BCA = "BCa needs a jackknife that varies and resamples on both sides of the estimate"
_UNDEFINED = "too many resamples are undefined"
_NO_SPREAD = "all resamples agree"


class Limits(NamedTuple):
    """Interval ends of m statistics; NaN and method ``""`` where there is no interval."""

    low: FloatArray
    high: FloatArray
    undefined_share: FloatArray
    method: NDArray[np.str_]
    note: NDArray[np.str_]


def bootstrap_interval(
    observed: float,
    replicates: ArrayLike,
    jackknife: ArrayLike | None = None,
    *,
    level: float = 0.95,
    weights: FloatArray | None = None,
    method: Method = "bca",
) -> Interval | Reason:
    """Make a bootstrap interval of any statistic from its replicates.

    Parameters
    ----------
    observed : float
        The statistic of the sample.
    replicates : array-like, shape (B,)
        The statistic of each resample; NaN where undefined.
    jackknife : array-like, shape (n,), optional
        The statistic with each observation left out. Needed for BCa.
    level : float
    weights : ndarray, shape (B,), optional
        Probabilities of enumerated resamples: gives the percentile interval of the exact
        bootstrap distribution, ``"exact-bootstrap"``.
    method : {"bca", "percentile"}
        BCa falls back to percentile where it is undefined, and the note says so.

    Returns
    -------
    Interval or Reason
        A reason where more than 5 % of the resamples are undefined or all of them agree.

    Raises
    ------
    ValueError
        If BCa is asked for without a jackknife, or ``observed`` is not finite.
    """
    if not np.isfinite(observed):
        raise ValueError("an undefined statistic has no interval")
    if jackknife is None:
        if method == "bca" and weights is None:
            raise ValueError("BCa needs the jackknife values")
        jackknife = np.empty(0)
    found = limits(
        np.array([observed]),
        vector(replicates, "replicates")[None, :],
        vector(jackknife, "jackknife")[None, :],
        level,
        weights,
        method,
    )
    return from_limits(found, 0, level, np.asarray(replicates).size)


def limits(
    observed: FloatArray,
    replicates: FloatArray,
    jackknife: FloatArray,
    level: float,
    weights: FloatArray | None,
    method: Method,
) -> Limits:
    """Interval ends of m statistics at once.

    Parameters
    ----------
    observed : ndarray, shape (m,)
    replicates : ndarray, shape (m, B)
    jackknife : ndarray, shape (m, n)
        Not used for percentile intervals.
    level : float
    weights : ndarray, shape (B,), or None
    method : {"bca", "percentile"}

    Returns
    -------
    Limits
        `why_none` tells from its note why an interval is missing.

    Raises
    ------
    ValueError
        If ``level`` is no coverage.
    """
    confidence(level)
    m, size = replicates.shape
    tails = np.tile([(1.0 - level) / 2.0, (1.0 + level) / 2.0], (m, 1))
    note = np.full(m, "", dtype="U120")
    if weights is None:
        name = np.full(m, "percentile", dtype="U16")
        share = np.isnan(replicates).mean(axis=1)
        ordered = np.sort(replicates, axis=1)
        if method == "bca":
            corrected = _bca_tails(observed, ordered, jackknife, tails)
            works = np.isfinite(corrected[:, 0]) & np.isfinite(corrected[:, 1])
            tails = np.where(works[:, None], corrected, tails)
            name[works] = "bca"
            note[np.logical_not(works)] = _NO_BCA + "; percentile interval instead"
        ends = _quantiles(ordered, np.rint(size * (1.0 - share)).astype(np.int64), tails)
    else:
        name = np.full(m, "exact-bootstrap", dtype="U16")
        share = np.isnan(replicates) @ weights / weights.sum()
        ends = _weighted_quantiles(replicates, weights, tails)
    width = ends[:, 1] - ends[:, 0]
    flat = np.logical_not(width > 1e-12 * np.abs(ends).max(axis=1))
    lost = share > MAX_UNDEFINED_SHARE
    note[flat], note[lost] = _NO_SPREAD, _UNDEFINED
    ends[flat | lost] = np.nan
    name[flat | lost] = ""
    return Limits(ends[:, 0], ends[:, 1], share, name, note)


def why_none(note: str) -> Reason:
    """Return the reason that the note on a missing interval stands for."""
    lost = note.startswith(_UNDEFINED)
    return Reason.UNDEFINED_RESAMPLES if lost else Reason.NO_SPREAD


def from_limits(found: Limits, i: int, level: float, size: int) -> Interval | Reason:
    """Return the i-th of the intervals found, or the reason why there is none."""
    if not found.method[i]:
        return why_none(str(found.note[i]))
    return Interval(
        float(found.low[i]),
        float(found.high[i]),
        level,
        str(found.method[i]),
        size,
        float(found.undefined_share[i]),
        str(found.note[i]),
    )


def _bca_tails(
    observed: FloatArray, ordered: FloatArray, jackknife: FloatArray, tails: FloatArray
) -> FloatArray:
    """Return the probabilities at which BCa reads the bootstrap distribution, shape (m, 2).

    Efron (1987): bias correction from the share of resamples below the estimate, ties
    counting half; acceleration from the jackknife. NaN where either is undefined.
    """
    from scipy.special import ndtr, ndtri

    noise = 1e-12 * np.abs(observed)
    below = (ordered < (observed - noise)[:, None]).sum(axis=1)
    at_most = (ordered <= (observed + noise)[:, None]).sum(axis=1)
    defined = (~np.isnan(ordered)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = ndtri((below + at_most) / (2.0 * defined))
        spread = jackknife.mean(axis=1, keepdims=True) - jackknife
        largest = np.abs(spread).max(axis=1)
        varies = largest > 1e-12 * np.abs(jackknife).max(axis=1)
        # The acceleration has no unit: scaling keeps the powers within floating point.
        spread = spread / largest[:, None]
        skew = (spread**3).sum(axis=1) / (6.0 * (spread**2).sum(axis=1) ** 1.5)
        acceleration = np.where(varies, skew, np.nan)
        shifted = bias[:, None] + ndtri(tails)
        bend = 1.0 - acceleration[:, None] * shifted
        corrected = ndtr(bias[:, None] + shifted / bend)
    usable = np.isfinite(bias) & (bend > 0.0).all(axis=1)
    return np.where(usable[:, None], corrected, np.nan)


def _quantiles(ordered: FloatArray, defined: NDArray[np.int64], at: FloatArray) -> FloatArray:
    """Read sorted rows at probabilities ``at``, linearly between order statistics (type 7)."""
    last = np.maximum(defined - 1, 0)[:, None]
    position = at * last
    left = np.floor(position).astype(np.int64)
    right = np.minimum(left + 1, last)
    row = np.arange(ordered.shape[0])[:, None]
    low, high = ordered[row, left], ordered[row, right]
    return low + (position - left) * (high - low)


def _weighted_quantiles(values: FloatArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """Smallest value whose cumulative probability, among the defined ones, reaches ``at``."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    mass = np.cumsum(np.where(np.isnan(ordered), 0.0, weights[order]), axis=1)
    # Sums of probabilities that should be equal differ in the last digits.
    reached = mass[:, None, :] >= (at * mass[:, -1:])[:, :, None] - 1e-12
    return np.take_along_axis(ordered, reached.argmax(axis=2), axis=1)
