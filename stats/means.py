"""Bootstrap intervals of means: studentised, from the counts that serve every statistic."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, confidence, real, vector, why_not
from stats.draws import Drawn, DrawnRows, counts_of, over_blocks
from stats.intervals import from_limits, limits
from stats.nulls import t_quantile
from stats.outcome import Interval, Reason

Method = Literal["studentised", "bca"]

_NO_SPREAD = 1e-12  # a resample's variance, relative to its mean square: rounding alone
_NOTE = "resamples with next to no spread decide an end; Student's t instead"


def bootstrap_means(
    values: ArrayLike,
    counts: ArrayLike | Drawn,
    *,
    weights: FloatArray | None = None,
    level: float = 0.95,
    method: Method = "studentised",
) -> tuple[Interval | Reason, ...]:
    """Bootstrap intervals for the mean of each column, all from the same resamples.

    The studentised bootstrap (bootstrap-t): each resample's mean is measured in its own standard
    error, whose square is ``counts @ x² / n − mean²``, over n. A resample without spread lies
    infinitely far out. Where an end is infinite, or further beyond the sample than the sample is
    wide, Student's t interval stands in for it, and the note says so.

    Parameters
    ----------
    values : array-like, shape (n, m)
    counts : ndarray of int, shape (B, n), or Drawn
        From `stats.resampling.draw_counts`.
    weights : ndarray, shape (B,), optional
        Probabilities of enumerated resamples: gives the percentile interval of the exact
        bootstrap distribution.
    level : float
    method : {"studentised", "bca"}

    Returns
    -------
    tuple of Interval or Reason, length m
        A reason for a column that is constant, not finite, or shorter than 2.

    Raises
    ------
    ValueError
        If the shapes do not fit, ``level`` is no coverage, or ``method`` is unknown.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 12.5; Hall (1988),
    Ann. Stat. 16, 927–953.
    """
    table = real(values, "values")
    if table.ndim != 2:
        raise ValueError(f"values must have shape (n, m), got {table.shape}")
    if method not in ("studentised", "bca"):
        raise ValueError(f"method must be 'studentised' or 'bca', got {method!r}")
    n = table.shape[0]
    confidence(level)
    drawn = counts_of(counts, n, total=n)
    lacking = [why_not(column, minimum=2) for column in table.T]
    clean = np.where([reason is None for reason in lacking], table, 0.0)
    if weights is None and method == "studentised":
        found = _studentised(clean, drawn, level)
    else:
        found = _resampled(clean, drawn, weights, level)
    return tuple(
        interval if reason is None else _no_interval(reason)
        for interval, reason in zip(found, lacking, strict=True)
    )


def bootstrap_mean(
    values: ArrayLike,
    counts: ArrayLike | Drawn,
    *,
    weights: FloatArray | None = None,
    level: float = 0.95,
    method: Method = "studentised",
) -> Interval | Reason:
    """Bootstrap interval for the mean of one sample; see `bootstrap_means`.

    Of paired differences it is the interval of the difference of the means.

    Parameters
    ----------
    values : array-like, shape (n,)
    counts : ndarray of int, shape (B, n), or Drawn
    weights, level, method
        As in `bootstrap_means`.

    Returns
    -------
    Interval or Reason

    Raises
    ------
    ValueError
        If the shapes do not fit, ``level`` is no coverage, or ``method`` is unknown.
    """
    table = vector(values, "values")[:, None]
    return bootstrap_means(table, counts, weights=weights, level=level, method=method)[0]


def _studentised(values: FloatArray, counts: DrawnRows, level: float) -> list[Interval | Reason]:
    n, size = values.shape[0], counts.shape[0]
    # Powers of two, so that squares neither vanish nor overflow and no digit changes.
    scale = np.frexp(np.abs(values).max(axis=0))[1]
    values = np.ldexp(values, -scale)
    centre = values.mean(axis=0)
    centred = values - centre
    moments = over_blocks(counts, lambda c: np.stack([c @ centred / n, c @ centred**2 / n], axis=1))
    means, squares = moments[:, 0], moments[:, 1]
    variance = squares - means**2
    flat = variance <= _NO_SPREAD * squares
    # Without spread and at the mean, a resample says nothing on which side the mean lies.
    infinite = np.where(means == 0.0, 0.0, np.copysign(np.inf, means))
    t = np.where(flat, infinite, means / np.sqrt(np.where(flat, 1.0, variance)))
    spread = np.sqrt((centred**2).mean(axis=0))
    tails = (1.0 + level) / 2.0, (1.0 - level) / 2.0
    low, high = (-spread * _quantile(np.sort(t, axis=0), tail) for tail in tails)
    wide = np.ptp(centred, axis=0)
    usable = (low >= centred.min(axis=0) - wide) & (high <= centred.max(axis=0) + wide)
    reach = t_quantile(tails[0], max(n - 1, 1)) * spread / np.sqrt(max(n - 1, 1))
    share = flat.mean(axis=0)
    low, high = centre + np.where(usable, low, -reach), centre + np.where(usable, high, reach)
    low, high = np.ldexp(low, scale), np.ldexp(high, scale)
    return [
        _interval(low[j], high[j], level, share[j], size if usable[j] else None)
        for j in range(values.shape[1])
    ]


def _interval(low: float, high: float, level: float, share: float, size: int | None) -> Interval:
    """Make a studentised interval, or Student's where there is no number of resamples."""
    name, note = ("t", _NOTE) if size is None else ("studentised", "")
    return Interval(float(low), float(high), level, name, size, float(share), note)


def _quantile(ordered: FloatArray, at: float) -> FloatArray:
    """Quantile of sorted columns, linear between order statistics; NaN where one is infinite."""
    position = at * (ordered.shape[0] - 1)
    left = int(position)
    low, high = ordered[left], ordered[min(left + 1, ordered.shape[0] - 1)]
    finite = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(finite, low, np.nan), np.where(finite, high, np.nan)
    return low + (position - left) * (high - low)


def _resampled(
    values: FloatArray, counts: DrawnRows, weights: FloatArray | None, level: float
) -> list[Interval | Reason]:
    n = values.shape[0]
    left_out = (np.ones((n, n)) - np.eye(n)) @ values / max(n - 1, 1)
    resampled = over_blocks(counts, lambda c: c @ values / n)
    found = limits(values.mean(axis=0), resampled.T, left_out.T, level, weights, "bca")
    return [from_limits(found, j, level, counts.shape[0]) for j in range(values.shape[1])]


def _no_interval(reason: Reason) -> Reason:
    return Reason.NO_SPREAD if reason is Reason.CONSTANT_INPUT else reason
