"""Ends of identified sets: what bounds of single entropies leave of means and differences."""

from __future__ import annotations

from typing import Literal

import numpy as np

from report.capture.features import FloatArray
from stats.identified import imbens_manski, imbens_manski_shift
from stats.outcome import Estimate, Interval, Reason

Bounds = tuple[FloatArray, FloatArray]
End = Literal["low", "high"]
Column = Literal["entropy", "entropy_low", "entropy_high"]
Pair = tuple[Column, Column]

WORDS: dict[End, str] = {"low": "lower", "high": "upper"}
WHOLE: Pair = ("entropy", "entropy")
"""What is compared of two samples whose entropies are known."""
LOWEST: Pair = ("entropy_low", "entropy_high")
HIGHEST: Pair = ("entropy_high", "entropy_low")
"""What gives the bounds of their difference, if they are not."""


def columns_of(sign: int) -> Pair | None:
    """Choose what to compare of two samples: the bounds that lie nearest each other.

    Parameters
    ----------
    sign : int
        Of the difference, as far as the bounds fix it.

    Returns
    -------
    tuple of str or None
        None where the sign is open.
    """
    if not sign:
        return None
    return LOWEST if sign > 0 else HIGHEST


def own_first(
    end: End, estimate: Estimate, low: tuple[str, ...], high: tuple[str, ...]
) -> tuple[str, ...]:
    """Name what an end comes from, and then what its interval needs of the other end."""
    own, other = (low, high) if end == "low" else (high, low)
    return own + (other if estimate.interval else ())


def upper(entropy: FloatArray, high: FloatArray) -> FloatArray:
    """Return upper bounds; where there is an entropy, an unknown one is infinite."""
    return np.where(np.isfinite(entropy) & np.isnan(high), np.inf, high)


def differences(first: Bounds, second: Bounds) -> Bounds:
    """Return the bounds of what is first minus what is second, pair by pair."""
    return first[0] - second[1], first[1] - second[0]


def ends_of_mean(bounds: Bounds, level: float) -> dict[End, Estimate]:
    """Return the ends of the set of a mean, each with the interval of the whole set."""
    interval = _around(imbens_manski(*bounds, level))
    return {
        "low": _end(bounds[0], bounds[0].size, interval),
        "high": _end(bounds[1], bounds[1].size, interval),
    }


def ends_of_shift(x: Bounds, y: Bounds, level: float) -> dict[End, Estimate]:
    """Return the ends of the set of a difference between the means of independent samples."""
    interval, n = _around(imbens_manski_shift(x, y, level)), x[0].size + y[0].size
    low, high = x[0].mean() - y[1].mean(), x[1].mean() - y[0].mean()
    return {"low": _end(np.array([low]), n, interval), "high": _end(np.array([high]), n, interval)}


def _around(interval: Interval | Reason) -> Interval | Reason:
    """Say why a set without an upper end has no interval: what is missing is the vocabulary."""
    return Reason.UNKNOWN_VOCABULARY if interval is Reason.UNBOUNDED else interval


def _end(values: FloatArray, n: int, interval: Interval | Reason) -> Estimate:
    if not values.size:
        return Estimate.missing(Reason.TOO_FEW, n)
    if not np.isfinite(values).all():
        return Estimate.missing(Reason.UNKNOWN_VOCABULARY, n)
    return Estimate.within(float(values.mean()), n, interval)
