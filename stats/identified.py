"""What missing probability mass leaves open: identified sets and their intervals."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, confidence, vector
from stats.nulls import normal_quantile
from stats.outcome import Estimate, Interval, Reason
from stats.ranks import hodges_lehmann_paired, hodges_lehmann_shift

_ROUNDING = 1e-9


def imbens_manski(lows: ArrayLike, highs: ArrayLike, level: float = 0.95) -> Interval | Reason:
    """Make Imbens and Manski's interval of a mean of which only bounds are observed.

    The mean lies anywhere in [l, h], the means of the bounds. The interval
    [l − C s_l/√n, h + C s_h/√n] covers it with the level wherever it lies in the set, with C
    from Φ(C + √n (h − l)/max(s_l, s_h)) − Φ(−C) = level [1]_. That the interval holds the level
    uniformly rests on the bounds being ordered in each observation [2]_.

    Parameters
    ----------
    lows, highs : array-like, shape (n,)
        Bounds of each observation; a pair with a NaN is left out.
    level : float

    Returns
    -------
    Interval or Reason
        A reason with fewer than two observations, or where a bound is not finite.

    Raises
    ------
    ValueError
        If a lower bound lies above its upper bound, or the lengths differ.

    References
    ----------
    .. [1] Imbens and Manski (2004), Econometrica 72, 1845–1857.
    .. [2] Stoye (2009), Econometrica 77, 1299–1315.
    """
    confidence(level)
    below, above = _bounds(lows, highs)
    if below.size < 2:
        return Reason.TOO_FEW
    if not (np.isfinite(below).all() and np.isfinite(above).all()):
        return Reason.UNBOUNDED
    errors = [float(values.std(ddof=1)) / sqrt(below.size) for values in (below, above)]
    return _interval(float(below.mean()), float(above.mean()), errors, level)


def imbens_manski_shift(
    x: tuple[ArrayLike, ArrayLike], y: tuple[ArrayLike, ArrayLike], level: float = 0.95
) -> Interval | Reason:
    """Make the same interval of the difference between the means of two independent samples.

    The difference lies in [l_x − h_y, h_x − l_y]; the standard errors of the ends are those of
    differences of independent means.

    Parameters
    ----------
    x, y : (array-like, array-like), of shapes (n1,) and (n2,)
        Lower and upper bounds of each observation.
    level : float

    Returns
    -------
    Interval or Reason

    Raises
    ------
    ValueError
        As in `imbens_manski`.
    """
    confidence(level)
    first, second = _bounds(*x), _bounds(*y)
    if min(first[0].size, second[0].size) < 2:
        return Reason.TOO_FEW
    if not np.isfinite(np.concatenate([*first, *second])).all():
        return Reason.UNBOUNDED
    ends = ((first[0], second[1]), (first[1], second[0]))
    low, high = (float(one.mean() - other.mean()) for one, other in ends)
    errors = [
        sqrt(float(one.var(ddof=1)) / one.size + float(other.var(ddof=1)) / other.size)
        for one, other in ends
    ]
    return _interval(low, high, errors, level)


def _bounds(lows: ArrayLike, highs: ArrayLike) -> tuple[FloatArray, FloatArray]:
    below, above = vector(lows, "lows"), vector(highs, "highs")
    if below.size != above.size:
        raise ValueError(f"{below.size} lower and {above.size} upper bounds")
    kept = ~(np.isnan(below) | np.isnan(above))
    below, above = below[kept], above[kept]
    if (below > above + _ROUNDING * np.maximum(1.0, np.abs(above))).any():
        raise ValueError("a lower bound lies above its upper bound")
    return below, above


def _interval(low: float, high: float, errors: list[float], level: float) -> Interval:
    largest = max(errors)
    critical = _critical(max(high - low, 0.0) / largest, level) if largest > 0.0 else 0.0
    return Interval(low - critical * errors[0], high + critical * errors[1], level, "imbens-manski")


def identified_sign(lows: ArrayLike, highs: ArrayLike) -> int:
    """Tell the sign of differences of which only bounds are observed, if these fix it.

    Parameters
    ----------
    lows, highs : array-like, shape (n,)

    Returns
    -------
    int
        1 or −1 where both the mean and the pseudo-median of the differences have this sign
        wherever in their bounds the differences lie; both rise with each of them. Else 0.
    """
    below, above = _bounds(lows, highs)
    nothing = np.zeros(below.size)
    least, most = (hodges_lehmann_paired(values, nothing) for values in (below, above))
    return _sign(below, above, least, most)


def identified_shift_sign(x: tuple[ArrayLike, ArrayLike], y: tuple[ArrayLike, ArrayLike]) -> int:
    """Tell the sign of the shift between independent samples in the same way.

    Parameters
    ----------
    x, y : (array-like, array-like), of shapes (n1,) and (n2,)
        Lower and upper bounds of each observation.

    Returns
    -------
    int
        1 or −1, or 0 where the sign is open.
    """
    first, second = _bounds(*x), _bounds(*y)
    least, most = (
        hodges_lehmann_shift(one, other)
        for one, other in ((first[0], second[1]), (first[1], second[0]))
    )
    below, above = (
        np.array([one.mean() - other.mean()]) if min(one.size, other.size) else np.empty(0)
        for one, other in ((first[0], second[1]), (first[1], second[0]))
    )
    return _sign(below, above, least, most)


def _sign(below: FloatArray, above: FloatArray, least: Estimate, most: Estimate) -> int:
    if not below.size:
        return 0
    if below.mean() > 0.0 and least.value is not None and least.value > 0.0:
        return 1
    return -1 if above.mean() < 0.0 and most.value is not None and most.value < 0.0 else 0


def _critical(width: float, level: float) -> float:
    """Solve Φ(c + width) − Φ(−c) = level by bisection between the one- and two-sided quantiles."""
    low, high = normal_quantile(level), normal_quantile(0.5 + level / 2)
    for _ in range(100):
        middle = (low + high) / 2
        if 1.0 - _upper(middle + width) - _upper(middle) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _upper(z: float) -> float:
    return erfc(z / sqrt(2.0)) / 2.0


def open_order(lows: ArrayLike, highs: ArrayLike) -> float:
    """Return the share of pairs of observations whose order their bounds leave open.

    Parameters
    ----------
    lows, highs : array-like, shape (n,)
        Pairs with a NaN are left out; an infinite bound is one.

    Returns
    -------
    float
        NaN with fewer than two observations.
    """
    below, above = vector(lows, "lows"), vector(highs, "highs")
    kept = ~(np.isnan(below) | np.isnan(above))
    below, above = below[kept], above[kept]
    if below.size < 2:
        return float("nan")
    first, second = np.triu_indices(below.size, 1)
    fixed = (above[first] < below[second]) | (above[second] < below[first])
    return float(1.0 - fixed.mean())
