"""What missing probability mass leaves open: identified sets and their intervals."""

from __future__ import annotations

from math import erfc, isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import confidence, vector
from stats.nulls import normal_quantile
from stats.outcome import Interval, Reason

_ROUNDING = 1e-9


def imbens_manski(lows: ArrayLike, highs: ArrayLike, level: float = 0.95) -> Interval | Reason:
    """Make Imbens and Manski's interval of a mean of which only bounds are observed.

    The mean lies anywhere in [l, h], the means of the bounds. The interval
    [l − C s_l/√n, h + C s_h/√n] covers it with the level wherever it lies in the set, with C
    from Φ(C + √n (h − l)/max(s_l, s_h)) − Φ(−C) = level [1]_.

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
    """
    confidence(level)
    below, above = vector(lows, "lows"), vector(highs, "highs")
    if below.size != above.size:
        raise ValueError(f"{below.size} lower and {above.size} upper bounds")
    kept = ~(np.isnan(below) | np.isnan(above))
    below, above = below[kept], above[kept]
    if (below > above + _ROUNDING * np.maximum(1.0, np.abs(above))).any():
        raise ValueError("a lower bound lies above its upper bound")
    n = below.size
    if n < 2:
        return Reason.TOO_FEW
    low, high = float(below.mean()), float(above.mean())
    if not (isfinite(low) and isfinite(high)):
        return Reason.UNBOUNDED
    errors = [float(values.std(ddof=1)) / sqrt(n) for values in (below, above)]
    largest = max(errors)
    critical = _critical(max(high - low, 0.0) / largest, level) if largest > 0.0 else 0.0
    return Interval(low - critical * errors[0], high + critical * errors[1], level, "imbens-manski")


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
