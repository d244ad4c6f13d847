"""Null distributions: exact ones by dynamic programming, and tails that never reach 0."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from stats.checks import FloatArray, ties_joined

IntArray = NDArray[np.int64]


def probability(p: float) -> float:
    """Keep a p-value inside (0, 1]: an underflow is the smallest number, not 0.

    Parameters
    ----------
    p : float
    """
    return min(max(float(p), sys.float_info.min), 1.0)


def normal_two_sided(z: float) -> float:
    """Two-sided p of a standard normal statistic.

    Parameters
    ----------
    z : float
    """
    from scipy.special import ndtr

    return probability(2.0 * float(ndtr(-abs(z))))


def normal_quantile(p: float) -> float:
    """Quantile of the standard normal distribution.

    Parameters
    ----------
    p : float
        In (0, 1).
    """
    from scipy.special import ndtri

    return float(ndtri(p))


def t_two_sided(t: float, df: float) -> float:
    """Two-sided p of a Student statistic with ``df`` degrees of freedom.

    Parameters
    ----------
    t, df : float
    """
    from scipy.special import stdtr

    return probability(2.0 * float(stdtr(df, -abs(t))))


def t_quantile(p: float, df: float) -> float:
    """Quantile of Student's distribution with ``df`` degrees of freedom.

    Parameters
    ----------
    p : float
        In (0, 1).
    df : float
    """
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def chi2_upper(statistic: float, df: float) -> float:
    """Upper tail of the χ² distribution with ``df`` degrees of freedom.

    Parameters
    ----------
    statistic, df : float
    """
    from scipy.special import chdtrc

    return probability(float(chdtrc(df, statistic)))


def tied_ranks(values: FloatArray, noise: FloatArray | None = None) -> tuple[IntArray, IntArray]:
    """Rank with mid-ranks; values that are equal up to floating-point noise are tied.

    Parameters
    ----------
    values : ndarray, shape (n,)
    noise : ndarray, shape (n,), optional
        As in `stats.checks.ties_joined`.

    Returns
    -------
    doubled : ndarray of int, shape (n,)
        Twice the mid-ranks, which makes them whole numbers.
    group : ndarray of int, shape (n,)
        Number of each value's tie group, in ascending order from 0.
    """
    joined = ties_joined(values, noise)
    _, group, sizes = np.unique(joined, return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(sizes) - sizes + 1)[group]
    return doubled, group


def signed_rank_null(ranks: IntArray) -> FloatArray:
    """Exact null distribution of the signed-rank sum, given the ranks (and so their ties).

    Parameters
    ----------
    ranks : ndarray of int, shape (n,)
        Ranks of the absolute differences, doubled where there are mid-ranks.

    Returns
    -------
    ndarray, shape (Σ ranks + 1,)
        Probability of every sum of the positive ranks, when each sign is a fair coin.
    """
    pmf = np.zeros(int(ranks.sum()) + 1)
    pmf[0] = 1.0
    for rank in ranks:
        shifted = np.zeros_like(pmf)
        shifted[rank:] = pmf[: pmf.size - rank]
        pmf = 0.5 * (pmf + shifted)
    return pmf


def rank_sum_null(ranks: IntArray, size: int) -> FloatArray:
    """Exact null distribution of the rank sum of ``size`` out of n values, given the ranks.

    Parameters
    ----------
    ranks : ndarray of int, shape (n,)
        Ranks of all values, doubled where there are mid-ranks.
    size : int
        Size of the sample whose ranks are summed.

    Returns
    -------
    ndarray, shape (Σ ranks + 1,)
        Probability of every rank sum, when all samples are equally likely.
    """
    ways = np.zeros((size + 1, int(ranks.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    return ways[size] / ways[size].sum()


def page_null(rows: IntArray) -> FloatArray:
    """Exact null distribution of Page's sum, given the ranks of every row (and so their ties).

    Within a row all orders of its ranks are equally likely, and rows are independent: the
    distributions of the rows are convolved.

    Parameters
    ----------
    rows : ndarray of int, shape (Q, k)
        Ranks within each row, doubled where there are mid-ranks.

    Returns
    -------
    ndarray, shape (m,)
        Probability of every Σ j · rank, j = 1…k, from 0.
    """
    kinds, times = np.unique(np.sort(rows, axis=1), axis=0, return_counts=True)
    pmf = np.ones(1)
    for kind, repeats in zip(kinds, times, strict=True):
        one = _page_row(kind)
        for _ in range(int(repeats)):
            pmf = np.convolve(pmf, one)
    return pmf


def _page_row(ranks: IntArray) -> FloatArray:
    """Distribution of Σ j · rank over all orders of one row, column by column."""
    values, sizes = np.unique(ranks, return_counts=True)
    columns = int(sizes.sum())
    largest = int(np.sort(ranks) @ np.arange(1, columns + 1))
    # What is left of each value, and how many ways lead there with which sum.
    ways = {tuple(int(size) for size in sizes): np.eye(1, largest + 1)[0]}
    for column in range(1, columns + 1):
        after: dict[tuple[int, ...], FloatArray] = {}
        for left, sums in ways.items():
            for i, value in enumerate(values):
                if left[i] == 0:
                    continue
                rest = (*left[:i], left[i] - 1, *left[i + 1 :])
                moved = after.setdefault(rest, np.zeros(largest + 1))
                step = column * int(value)
                # Equal values are different answers: each of those left can come next.
                moved[step:] += left[i] * sums[: largest + 1 - step]
        ways = after
    (final,) = ways.values()
    return final / final.sum()


def two_sided(pmf: FloatArray, observed: int) -> tuple[float, float]:
    """Two-sided p of an integer statistic, and the smallest that its distribution allows.

    The convention is that of the whole package: the probability of a statistic at least as
    far from its expectation as the observed one.

    Parameters
    ----------
    pmf : ndarray, shape (m,)
        Probabilities of 0…m−1.
    observed : int

    Returns
    -------
    p, p_floor : float
    """
    support = np.arange(pmf.size, dtype=np.float64)
    distance = np.abs(support - pmf @ support)
    noise = 1e-9 * pmf.size
    p = pmf[distance >= distance[observed] - noise].sum()
    furthest = distance[pmf > 0.0].max()
    return probability(p), probability(pmf[distance >= furthest - noise].sum())
