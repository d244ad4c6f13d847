"""The resampling engine: draw once per sample, use the draws in every test of that sample.

Draws are made here, and the bootstrap of correlation matrices. The intervals themselves are
in ``stats.intervals``, the matrix products in ``stats.rankmatrix`` and the permutation tests
in ``stats.permutation``; all of it can be imported from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, confidence, pair
from stats.correlation import IntArray, bonett_wright
from stats.draws import Drawn, counts_of
from stats.intervals import (
    Method,
    bootstrap_interval,
    limits,
    why_none,
)
from stats.means import bootstrap_mean, bootstrap_means
from stats.outcome import Estimate, Interval, Reason
from stats.permutation import (
    PermutationMatrix,
    draw_permutations,
    family_maxt,
    permute_spearman,
)
from stats.rankmatrix import (
    columns,
    peak_distribution,
    reasons,
    spearman_matrix,
    spearman_replicates,
    spearman_rows,
)

__all__ = [
    "BootstrapMatrix",
    "PermutationMatrix",
    "bootstrap_interval",
    "bootstrap_mean",
    "bootstrap_means",
    "bootstrap_spearman",
    "draw_counts",
    "draw_permutations",
    "enumerate_counts",
    "exact_bootstrap_spearman",
    "family_maxt",
    "peak_distribution",
    "permute_spearman",
    "spearman_matrix",
    "spearman_replicates",
    "spearman_rows",
]

ENUMERATE_MAX = 8
"""Largest n whose count vectors are enumerated (6,435 at n = 8)."""

# So many observations are drawn one by one, and fewer as counts.
_BY_PLACE = 1_000

# Numbers held at once by the replicates of one block: 128 MB.
_BUDGET = 1 << 24


def draw_counts(n: int, n_resamples: int, rng: np.random.Generator) -> IntArray:
    """Draw bootstrap resamples of n observations as counts, shape (n_resamples, n).

    From 1,000 observations on, observations are drawn and counted, which is ten times as fast as
    drawing from the multinomial distribution that their counts have.

    Parameters
    ----------
    n, n_resamples : int
    rng : Generator

    Raises
    ------
    ValueError
        If ``n`` or ``n_resamples`` is below 1.
    """
    if n < 1 or n_resamples < 1:
        raise ValueError(f"cannot draw {n_resamples} resamples of {n} observations")
    if n < _BY_PLACE:
        return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
    places = rng.integers(0, n, size=(n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    return np.bincount(places.ravel(), minlength=n_resamples * n).reshape(n_resamples, n)


def enumerate_counts(n: int) -> tuple[IntArray, FloatArray]:
    """List every bootstrap resample of n observations with its probability.

    Parameters
    ----------
    n : int
        From 1 to 8.

    Returns
    -------
    counts : ndarray, shape (C(2n - 1, n), n)
    weights : ndarray, shape (C(2n - 1, n),)
        Multinomial probabilities; they sum to 1.

    Raises
    ------
    ValueError
        If n is out of range.
    """
    if not 1 <= n <= ENUMERATE_MAX:
        raise ValueError(f"resamples are enumerated for n from 1 to {ENUMERATE_MAX}, got {n}")
    # n stars and n - 1 bars: the gaps between the bars are the counts.
    bars = np.array(list(combinations(range(2 * n - 1), n - 1)), dtype=np.int64)
    bars = bars.reshape(comb(2 * n - 1, n), n - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, 2 * n - 1)))
    counts = np.diff(edges, axis=1) - 1
    ways = np.array([factorial(k) for k in range(n + 1)], dtype=np.float64)[counts]
    return counts, factorial(n) / (ways.prod(axis=1) * float(n) ** n)


@dataclass(frozen=True)
class BootstrapMatrix:
    """Spearman correlations with bootstrap intervals, for p by q pairs of variables.

    Parameters
    ----------
    rho, low, high : ndarray, shape (p, q)
        NaN where undefined.
    undefined_share : ndarray, shape (p, q)
        Share of resamples, by weight, in which the correlation is undefined.
    method, note : ndarray of str, shape (p, q)
        The interval's method after any fallback, ``""`` for none; and why it fell back.
    reason : ndarray of Reason or None, shape (p, q)
        Why rho is undefined.
    n, n_resamples : int
    level : float
    """

    rho: FloatArray
    low: FloatArray
    high: FloatArray
    undefined_share: FloatArray
    method: NDArray[np.str_]
    note: NDArray[np.str_]
    reason: NDArray[np.object_]
    n: int
    n_resamples: int
    level: float

    def interval(self, i: int, j: int) -> Interval | Reason:
        """Return the interval of one pair, or the reason why there is none."""
        method = str(self.method[i, j])
        if not method:
            return self.reason[i, j] or why_none(str(self.note[i, j]))
        return Interval(
            float(self.low[i, j]),
            float(self.high[i, j]),
            self.level,
            method,
            None if method == "bonett-wright" else self.n_resamples,
            float(self.undefined_share[i, j]),
            str(self.note[i, j]),
        )

    def estimate(self, i: int, j: int) -> Estimate:
        """Return the correlation of one pair with its interval, or the reason why not."""
        reason: Reason | None = self.reason[i, j]
        if reason is not None:
            return Estimate.missing(reason, self.n)
        return Estimate.within(float(self.rho[i, j]), self.n, self.interval(i, j))


def bootstrap_spearman(
    x: ArrayLike,
    y: ArrayLike,
    counts: ArrayLike | Drawn,
    *,
    weights: FloatArray | None = None,
    level: float = 0.95,
    method: Method = "bca",
    replicates: FloatArray | None = None,
) -> BootstrapMatrix:
    """Bootstrap the Spearman correlation of every column of x with every column of y.

    BCa (Efron 1987, acceleration from the jackknife); where it is undefined the percentile
    interval; where that is undefined too, or more than 5 % of the resamples are, the closed
    form of Bonett and Wright. Each cell says which it was and why.

    Parameters
    ----------
    x : array-like, shape (n, p)
    y : array-like, shape (n, q)
    counts : ndarray of int, shape (B, n), or Drawn
        From `draw_counts` or `enumerate_counts`.
    weights : ndarray, shape (B,), optional
        Probabilities of enumerated resamples: the interval is then the percentile interval
        of the exact bootstrap distribution, method ``"exact-bootstrap"``.
    level : float
    method : {"bca", "percentile"}
    replicates : ndarray, shape (B, p, q), optional
        What `spearman_replicates` gave for these counts, where it is known.

    Returns
    -------
    BootstrapMatrix
    """
    first, second = columns(x, y)
    n, p, q = first.shape[0], first.shape[1], second.shape[1]
    confidence(level)
    drawn = counts_of(counts, n, total=n)
    size = drawn.shape[0]
    once, left_out = np.ones((1, n), dtype=np.int64), Drawn.leaving_one_out(n)
    block = max(1, _BUDGET // max(size * q, n * n, 1))
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for start in range(0, p, block):
        some = first[:, start : start + block]
        known = None if replicates is None else replicates[:, start : start + block]
        rho, resampled, jackknife = (
            found.reshape(found.shape[0], -1).T
            for found in (
                spearman_replicates(some, second, once),
                spearman_replicates(some, second, drawn) if known is None else known,
                spearman_replicates(some, second, left_out),
            )
        )
        found = limits(rho[:, 0], resampled, jackknife, level, weights, method)
        parts.append((rho[:, 0], *found))
    rho, low, high, share, names, notes = (
        np.concatenate(column).reshape(p, q) for column in zip(*parts, strict=True)
    )
    result = BootstrapMatrix(
        rho, low, high, share, names, notes, reasons(first, second), n, size, level
    )
    for i, j in np.argwhere((names == "") & ~np.isnan(rho)):
        closed = bonett_wright(float(rho[i, j]), n, level)
        if isinstance(closed, Interval):
            low[i, j], high[i, j], names[i, j] = closed.low, closed.high, closed.method
            notes[i, j] += "; closed form instead"
    return result


def exact_bootstrap_spearman(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Interval | Reason:
    """Bootstrap interval of one Spearman correlation without random numbers, for n up to 8.

    Percentile interval over all distinct resamples with their multinomial probabilities. It
    is exact as a bootstrap; at such n the bootstrap itself covers less than it says.

    Parameters
    ----------
    x, y : array-like, shape (n,)
    level : float

    Returns
    -------
    Interval or Reason
        With the share of undefined resamples; a reason where there is none.

    Raises
    ------
    ValueError
        If the lengths differ or n exceeds 8.
    """
    first, second = pair(x, y)
    if first.size == 0:
        return Reason.TOO_FEW
    counts, weights = enumerate_counts(first.size)
    found = bootstrap_spearman(
        first[:, None], second[:, None], counts, weights=weights, level=level
    )
    return found.interval(0, 0)
