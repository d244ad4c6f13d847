"""Rank comparisons of two samples, paired and unpaired, exact given the ties."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import NOISE, FloatArray, confidence, is_constant, pair, vector
from stats.draws import Drawn, Integers, counts_of, over_blocks
from stats.intervals import bootstrap_interval
from stats.nulls import (
    IntArray,
    normal_quantile,
    normal_two_sided,
    probability,
    rank_sum_null,
    signed_rank_null,
    tied_ranks,
    two_sided,
)
from stats.outcome import Estimate, Interval, Outcome, Reason

# Beyond these sizes the exact distributions cost more than they tell.
_EXACT_PAIRS = 200
_EXACT_VALUES = 120

_SIGNED_RANK = "Wilcoxon signed-rank, zero differences dropped"
_RANK_SUM = "Mann-Whitney U"


def _differences(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return x − y with floating-point noise set to 0, and the noise of each pair."""
    first, second = pair(x, y)
    size = np.maximum(np.abs(first), np.abs(second))
    noise = np.where(np.isfinite(size), NOISE * size, 0.0)
    # inf − inf and what overflows: the caller refuses it as non-finite.
    with np.errstate(invalid="ignore", over="ignore"):
        differences = first - second
    return np.where(np.abs(differences) <= noise, 0.0, differences), noise


def _why_no_signs(differences: FloatArray) -> Reason | None:
    if not np.isfinite(differences).all():
        return Reason.NON_FINITE
    if differences.size == 0:
        return Reason.TOO_FEW
    return None if differences.any() else Reason.ALL_TIED


def wilcoxon_signed_rank(x: ArrayLike, y: ArrayLike) -> Outcome:
    """Test whether paired differences are symmetric about 0.

    Differences of 0 are dropped (Wilcoxon's rule). Up to 200 differences the p-value is
    exact given the mid-ranks, so ties need no approximation; beyond, it is the normal
    approximation with the variance corrected for ties and a continuity correction.

    Parameters
    ----------
    x, y : array_like, shape (n,)

    Returns
    -------
    Outcome
        Two-sided; the statistic is V, the rank sum of the positive differences; ``n`` is
        the number of differences other than 0.

    References
    ----------
    Wilcoxon (1945), Biometrics Bulletin 1, 80–83.
    """
    differences, noise = _differences(x, y)
    if reason := _why_no_signs(differences):
        return Outcome.missing(_SIGNED_RANK, reason, differences.size)
    used = differences[differences != 0.0]
    doubled, _ = tied_ranks(np.abs(used), noise[differences != 0.0])
    positive = int(doubled[used > 0].sum())
    n, v = used.size, positive / 2
    floor = probability(2.0 ** (1 - n))
    if n <= _EXACT_PAIRS:
        p, _ = two_sided(signed_rank_null(doubled), positive)
        return Outcome(_SIGNED_RANK, n, v, p, floor, exact=True)
    ranks = doubled / 2
    deviation = max(abs(v - ranks.sum() / 2) - 0.5, 0.0)
    p = normal_two_sided(deviation / sqrt(float(ranks @ ranks) / 4))
    return Outcome(f"{_SIGNED_RANK}, normal approximation", n, v, p, floor)


def rank_biserial_paired(
    x: ArrayLike, y: ArrayLike, counts: ArrayLike | Drawn | None = None, level: float = 0.95
) -> Estimate:
    """Compute the matched-pairs rank-biserial correlation.

    (W₊ − W₋)/(W₊ + W₋) over the rank sums of positive and negative differences; zeros are
    dropped. It is 1 when every difference is positive.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    counts : array_like of int, shape (B, n), or Drawn, optional
        Resamples of the pairs: how often each was drawn.
    level : float

    Returns
    -------
    Estimate
        With a BCa interval where ``counts`` are given.

    References
    ----------
    Kerby (2014), Comprehensive Psychology 3, 11.IT.3.1.
    """
    confidence(level)
    differences, noise = _differences(x, y)
    n = differences.size
    if reason := _why_no_signs(differences):
        return Estimate.missing(reason, n)
    under = _rank_biserial_under(differences, noise)
    observed = float(under(np.ones((1, n)))[0])
    if counts is None:
        return Estimate(observed, n)
    replicates = over_blocks(counts_of(counts, n, total=n), under)
    jackknife = over_blocks(Drawn.leaving_one_out(n), under)
    found = bootstrap_interval(observed, replicates, jackknife, level=level)
    return Estimate.within(observed, n, found)


def _rank_biserial_under(
    differences: FloatArray, noise: FloatArray
) -> Callable[[Integers], FloatArray]:
    """Return what computes it for rows of counts, (B, n) -> (B,).

    Mid-ranks come from cumulative counts, in the order of the absolute differences.
    """
    used = np.flatnonzero(differences)
    _, group = tied_ranks(np.abs(differences[used]), noise[used])
    order = np.argsort(group, kind="stable")
    used, starts = used[order], np.flatnonzero(np.diff(group[order], prepend=-1))
    signs = np.sign(differences[used])

    def under(counts: Integers) -> FloatArray:
        drawn = counts[:, used].astype(np.float64)
        sizes, signed = (np.add.reduceat(c, starts, axis=1) for c in (drawn, drawn * signs))
        midranks = np.cumsum(sizes, axis=1) - (sizes - 1.0) / 2.0
        total = (midranks * sizes).sum(axis=1)
        undefined = np.full(total.shape, np.nan)
        return np.divide((midranks * signed).sum(axis=1), total, out=undefined, where=total > 0)

    return under


def _between_order_statistics(
    values: FloatArray, null: FloatArray | tuple[float, float], level: float
) -> Interval | Reason:
    """Invert a rank test: the interval between two of the sorted ``values``.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Walsh averages or pairwise shifts; the statistic counts those above the shift.
    null : ndarray, shape (m + 1,), or (float, float)
        Exact distribution of that count, or mean and variance of the normal one.
    level : float

    Returns
    -------
    Interval or Reason
        A reason where no interval reaches the level, or where all values are equal.
    """
    error = (1.0 - level) / 2.0
    if isinstance(null, tuple):
        mean, variance = null
        rank = max(int(mean + normal_quantile(error) * sqrt(variance)), 0)
        note = "normal approximation"
    else:
        tail = np.cumsum(null)
        rank = int(np.searchsorted(tail, error * (1.0 + 1e-12), side="right"))
        note = f"attained level {1.0 - 2.0 * tail[rank - 1]:.4f}" if rank else ""
    ordered = np.sort(values)
    if rank == 0:
        return Reason.TOO_FEW
    if is_constant(ordered):
        return Reason.NO_SPREAD
    low, high = float(ordered[rank - 1]), float(ordered[values.size - rank])
    return Interval(low, high, level, "hodges-lehmann", note=note)


def hodges_lehmann_paired(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Estimate the shift between paired samples: the pseudo-median of their differences.

    The median of all Walsh averages (dᵢ + dⱼ)/2, i ≤ j, zeros included. The interval inverts
    the signed-rank distribution without ties (exact up to 200 pairs), which with ties is
    conservative.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    level : float
        The interval attains at least this.

    Returns
    -------
    Estimate
        Without an interval where n is too small for the level (n < 6 at 0.95), or where
        all differences are equal.

    References
    ----------
    Hodges and Lehmann (1963), Ann. Math. Stat. 34, 598–611.
    """
    confidence(level)
    differences, _ = _differences(x, y)
    n = differences.size
    if not np.isfinite(differences).all():
        return Estimate.missing(Reason.NON_FINITE, n)
    if n == 0:
        return Estimate.missing(Reason.TOO_FEW, n)
    first, second = np.triu_indices(n)
    walsh = (differences[first] + differences[second]) / 2.0
    if n <= _EXACT_PAIRS:
        null = signed_rank_null(np.arange(1, n + 1))
    else:
        null = walsh.size / 2, n * (n + 1) * (2 * n + 1) / 24
    interval = _between_order_statistics(walsh, null, level)
    return Estimate.within(float(np.median(walsh)), n, interval)


def _two_samples(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray, Reason | None]:
    first, second = vector(x, "x"), vector(y, "y")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return first, second, Reason.NON_FINITE
    return first, second, Reason.TOO_FEW if 0 in (first.size, second.size) else None


def mann_whitney(x: ArrayLike, y: ArrayLike) -> Outcome:
    """Test whether two independent samples come from one distribution.

    Up to 120 values together the p-value is exact given the mid-ranks; beyond, it is the
    normal approximation of scipy, corrected for ties and continuity.

    Parameters
    ----------
    x : array_like, shape (n1,)
    y : array_like, shape (n2,)

    Returns
    -------
    Outcome
        Two-sided; the statistic is U of ``x``; ``n`` counts both samples.

    References
    ----------
    Mann and Whitney (1947), Ann. Math. Stat. 18, 50–60.
    """
    first, second, reason = _two_samples(x, y)
    n = first.size + second.size
    values = np.concatenate([first, second])
    if reason is None and is_constant(values):
        reason = Reason.ALL_TIED
    if reason:
        return Outcome.missing(_RANK_SUM, reason, n)
    doubled, _ = tied_ranks(values)
    observed = int(doubled[: first.size].sum())
    u = _u_statistic(doubled, first.size)
    if n <= _EXACT_VALUES:
        p, floor = two_sided(rank_sum_null(doubled, first.size), observed)
        return Outcome(_RANK_SUM, n, u, p, floor, exact=True)
    from scipy.stats import mannwhitneyu

    ranks = doubled / 2
    p = float(mannwhitneyu(ranks[: first.size], ranks[first.size :], method="asymptotic").pvalue)
    return Outcome(f"{_RANK_SUM}, normal approximation", n, u, probability(p))


def _u_statistic(doubled: IntArray, size: int) -> float:
    return float(doubled[:size].sum()) / 2 - size * (size + 1) / 2


def rank_biserial(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Compute the rank-biserial correlation of two independent samples.

    2U/(n₁n₂) − 1, the same as Cliff's δ: the share of pairs in which ``x`` is larger less
    the share in which it is smaller.

    Parameters
    ----------
    x : array_like, shape (n1,)
    y : array_like, shape (n2,)

    Returns
    -------
    Estimate
        Without an interval; 0 where all values are tied.

    References
    ----------
    Cureton (1956), Psychometrika 21, 287–290.
    """
    first, second, reason = _two_samples(x, y)
    n = first.size + second.size
    if reason:
        return Estimate.missing(reason, n)
    values = np.concatenate([first, second])
    doubled, _ = tied_ranks(values)
    u = _u_statistic(doubled, first.size)
    return Estimate(2.0 * u / (first.size * second.size) - 1.0, n)


def hodges_lehmann_shift(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Estimate the shift between independent samples: the median of all xᵢ − yⱼ.

    The interval inverts the rank-sum distribution without ties (exact up to 120 values),
    which with ties is conservative.

    Parameters
    ----------
    x : array_like, shape (n1,)
    y : array_like, shape (n2,)
    level : float
        The interval attains at least this.

    Returns
    -------
    Estimate
        Without an interval where the samples are too small for the level, or where all
        differences are equal.

    References
    ----------
    Hodges and Lehmann (1963), Ann. Math. Stat. 34, 598–611.
    """
    confidence(level)
    first, second, reason = _two_samples(x, y)
    n = first.size + second.size
    if reason:
        return Estimate.missing(reason, n)
    shifts = np.subtract.outer(first, second).ravel()
    if n <= _EXACT_VALUES:
        smallest = first.size * (first.size + 1) // 2
        null = rank_sum_null(np.arange(1, n + 1), first.size)[smallest:][: shifts.size + 1]
    else:
        null = shifts.size / 2, shifts.size * (n + 1) / 12
    interval = _between_order_statistics(shifts, null, level)
    return Estimate.within(float(np.median(shifts)), n, interval)
