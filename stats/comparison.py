"""Comparing samples: paired, unpaired, from summaries, and over ordered conditions.

The rank comparisons of two samples live in ``stats.ranks`` and are offered here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, hypot, isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, confidence, is_constant, one_of, real, ties_joined, vector
from stats.nulls import (
    chi2_upper,
    normal_quantile,
    normal_two_sided,
    page_null,
    probability,
    t_quantile,
    t_two_sided,
    tied_ranks,
)
from stats.outcome import Alternative, Estimate, Interval, Outcome, Reason
from stats.ranks import (
    hodges_lehmann_paired,
    hodges_lehmann_shift,
    mann_whitney,
    rank_biserial,
    rank_biserial_paired,
    wilcoxon_signed_rank,
)

# Beyond these the exact distribution of Page's L costs more than it tells.
_PAGE_CONDITIONS = 10
_PAGE_SUPPORT = 50_000  # questions times conditions cubed: about the number of possible sums

__all__ = [
    "friedman",
    "hodges_lehmann_paired",
    "hodges_lehmann_shift",
    "mann_whitney",
    "mean_t_interval",
    "page_trend",
    "rank_biserial",
    "rank_biserial_paired",
    "sign_agreement",
    "stouffer",
    "welch_from_summary",
    "wilcoxon_signed_rank",
]


def mean_t_interval(mean: float, sd: float, n: int, level: float = 0.95) -> Interval | Reason:
    """Make Student's interval of a mean from its summary.

    Parameters
    ----------
    mean, sd : float
        Sample mean and standard deviation (ddof = 1).
    n : int
    level : float

    Returns
    -------
    Interval or Reason
        A reason where it is undefined: fewer than two observations, no spread, or a summary
        that is not finite.

    Raises
    ------
    ValueError
        If ``sd`` is negative.
    """
    confidence(level)
    if sd < 0:
        raise ValueError(f"a standard deviation can't be {sd}")
    if n < 2:
        return Reason.TOO_FEW
    if not (isfinite(mean) and isfinite(sd)):
        return Reason.NON_FINITE
    if sd == 0.0:
        return Reason.NO_SPREAD
    half = t_quantile(0.5 + level / 2, n - 1) * sd / sqrt(n)
    return Interval(mean - half, mean + half, level, "t")


def welch_from_summary(
    mean1: float,
    sd1: float,
    n1: int,
    mean2: float,
    sd2: float,
    n2: int,
    level: float = 0.95,
) -> tuple[Estimate, Outcome]:
    """Compare two means from their summaries by Welch's t test.

    Where both samples answer the same questions this ignores the pairing, which makes it
    conservative as long as the answers correlate positively.

    Parameters
    ----------
    mean1, sd1, mean2, sd2 : float
        Sample means and standard deviations (ddof = 1).
    n1, n2 : int
    level : float

    Returns
    -------
    Estimate
        ``mean1 − mean2`` with Welch's interval.
    Outcome
        Two-sided, with Welch–Satterthwaite degrees of freedom.

    Raises
    ------
    ValueError
        If a standard deviation is negative.

    References
    ----------
    Welch (1947), Biometrika 34, 28–35.
    """
    confidence(level)
    method, n = "Welch t test from summaries, unpaired", n1 + n2
    if sd1 < 0 or sd2 < 0:
        raise ValueError(f"a standard deviation can't be negative: {sd1}, {sd2}")
    if not all(isfinite(v) for v in (mean1, sd1, mean2, sd2)):
        missing = Reason.NON_FINITE
        return Estimate.missing(missing, n), Outcome.missing(method, missing, n)
    difference = mean1 - mean2
    if min(n1, n2) < 2 or sd1 == sd2 == 0.0:
        reason = Reason.TOO_FEW if min(n1, n2) < 2 else Reason.CONSTANT_INPUT
        why = Reason.TOO_FEW if min(n1, n2) < 2 else Reason.NO_SPREAD
        return Estimate.within(difference, n, why), Outcome.missing(method, reason, n)
    se = hypot(sd1 / sqrt(n1), sd2 / sqrt(n2))
    share = (sd1 / sqrt(n1) / se) ** 2
    df = 1.0 / (share**2 / (n1 - 1) + (1.0 - share) ** 2 / (n2 - 1))
    half = t_quantile(0.5 + level / 2, df) * se
    interval = Interval(difference - half, difference + half, level, "welch")
    t = difference / se
    return Estimate(difference, n, interval), Outcome(method, n, t, t_two_sided(t, df))


def _blocks(table: ArrayLike) -> FloatArray:
    blocks = real(table, "table")
    if blocks.ndim != 2 or blocks.shape[1] < 3:
        raise ValueError(f"a table of (Q, k ≥ 3) is needed, got shape {blocks.shape}")
    return blocks


def _why_not_ranked(blocks: FloatArray) -> Reason | None:
    if not np.isfinite(blocks).all():
        return Reason.NON_FINITE
    if blocks.shape[0] < 2:
        return Reason.TOO_FEW
    if all(is_constant(row) for row in blocks):
        return Reason.ALL_TIED
    return None


def friedman(table: ArrayLike) -> tuple[Estimate, Outcome]:
    """Compare k conditions on the same Q questions.

    Parameters
    ----------
    table : array_like, shape (Q, k)
        One row a question, one column a condition; k ≥ 3.

    Returns
    -------
    Estimate
        Kendall's W = χ²/(Q(k − 1)), corrected for ties.
    Outcome
        Friedman's χ² with k − 1 degrees of freedom, corrected for ties.

    Raises
    ------
    ValueError
        If the table has fewer than three conditions.

    References
    ----------
    Friedman (1937), JASA 32, 675–701; Kendall and Smith (1939), Ann. Math. Stat. 10, 275–287.
    """
    from scipy.stats import friedmanchisquare

    blocks = _blocks(table)
    questions, k = blocks.shape
    method = "Friedman test"
    if reason := _why_not_ranked(blocks):
        return Estimate.missing(reason, questions), Outcome.missing(method, reason, questions)
    statistic = float(friedmanchisquare(*ties_joined(blocks.T)).statistic)
    largest = questions * (k - 1)
    statistic = min(statistic, float(largest))
    floor = chi2_upper(largest, k - 1)
    return (
        Estimate(statistic / largest, questions),
        Outcome(method, questions, statistic, chi2_upper(statistic, k - 1), floor),
    )


def page_trend(table: ArrayLike, alternative: Alternative = "two-sided") -> Outcome:
    """Test for a monotone trend over ordered conditions by Page's L.

    The null distribution is exact given the ties of every row, by convolution over the rows,
    up to ten conditions and tables of moderate size; beyond, it is the normal one with the
    variance that the ties leave.

    Parameters
    ----------
    table : array_like, shape (Q, k)
        Columns in the order of the conditions; k ≥ 3.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"`` is an increase along the columns. The two-sided p is twice the
        smaller of the two.

    Returns
    -------
    Outcome
        The statistic is L for an increase.

    Raises
    ------
    ValueError
        If the table has fewer than three conditions.

    References
    ----------
    Page (1963), JASA 58, 216–230.
    """
    method, alternative = "Page trend test", one_of(alternative)
    blocks = _blocks(table)
    questions, k = blocks.shape
    if reason := _why_not_ranked(blocks):
        return Outcome.missing(method, reason, questions)
    doubled = np.array([tied_ranks(row)[0] for row in blocks])
    columns = np.arange(1, k + 1)
    score = int((doubled @ columns).sum())
    if k <= _PAGE_CONDITIONS and questions * k**3 <= _PAGE_SUPPORT:
        pmf = page_null(doubled)
        upper, lower = float(pmf[score:].sum()), float(pmf[: score + 1].sum())
        possible = np.flatnonzero(pmf)
        floors = float(pmf[possible[-1]]), float(pmf[possible[0]])
    else:
        from scipy.special import ndtr

        spread = np.square(doubled - doubled.mean(axis=1, keepdims=True)).sum()
        deviation = sqrt(spread * np.square(columns - columns.mean()).sum() / (k - 1))
        z = (score - (k + 1) / 2 * doubled.sum()) / deviation
        upper, lower = float(ndtr(-z)), float(ndtr(z))
        floors = None
    p = {"greater": upper, "less": lower, "two-sided": 2.0 * min(upper, lower)}[alternative]
    floor = None
    if floors is not None:
        floor = {"greater": floors[0], "less": floors[1], "two-sided": 2.0 * min(floors)}
        floor = probability(floor[alternative])
    return Outcome(
        method, questions, score / 2, probability(p), floor, alternative, exact=floors is not None
    )


def stouffer(
    p_two_sided: Sequence[float], signs: Sequence[int], weights: Sequence[float] | None = None
) -> Outcome:
    """Combine independent two-sided tests of one direction by Stouffer's method.

    Z = Σ w z/√Σ w² with z = sign · Φ⁻¹(1 − p/2).

    Parameters
    ----------
    p_two_sided : sequence of float, length k
    signs : sequence of int, length k
        Direction of each effect: −1, 0 or 1.
    weights : sequence of float, optional
        For example √n; all equal by default.

    Returns
    -------
    Outcome
        Two-sided, with Z as its statistic; missing with fewer than two tests.

    Raises
    ------
    ValueError
        If the lengths differ, a p is outside (0, 1], a sign is none, or a weight is not
        positive.

    References
    ----------
    Stouffer et al. (1949), The American Soldier, vol. 1.
    """
    p = vector(p_two_sided, "p_two_sided")
    direction = vector(signs, "signs")
    w = np.ones(p.size) if weights is None else vector(weights, "weights")
    if not p.size == direction.size == w.size:
        raise ValueError("p-values, signs and weights must have the same length")
    if not ((p > 0.0) & (p <= 1.0)).all():
        raise ValueError("p-values must be in (0, 1]")
    if not np.isin(direction, (-1, 0, 1)).all() or not (w > 0.0).all():
        raise ValueError("signs must be -1, 0 or 1, and weights positive")
    if p.size < 2:
        return Outcome.missing("Stouffer", Reason.TOO_FEW, p.size)
    z = direction * np.array([-normal_quantile(value / 2.0) for value in p])
    combined = float(w @ z / np.sqrt(w @ w))
    return Outcome("Stouffer", p.size, combined, normal_two_sided(combined))


def sign_agreement(signs: Sequence[int]) -> Outcome:
    """Test whether effects agree in sign more than a fair coin would.

    Parameters
    ----------
    signs : sequence of int
        Direction of each effect: −1, 0 or 1; zeros are dropped.

    Returns
    -------
    Outcome
        Exact two-sided binomial test; the statistic is the number of positive signs.

    Raises
    ------
    ValueError
        If a sign is another number.
    """
    direction = vector(signs, "signs")
    if not np.isin(direction[np.isfinite(direction)], (-1, 0, 1)).all():
        raise ValueError("signs must be -1, 0 or 1")
    positive, n = int((direction > 0).sum()), int((direction != 0).sum())
    method = "exact sign test"
    if not np.isfinite(direction).all():
        return Outcome.missing(method, Reason.NON_FINITE, direction.size)
    if n == 0:
        reason = Reason.ALL_TIED if direction.size else Reason.TOO_FEW
        return Outcome.missing(method, reason, direction.size)
    tail = sum(comb(n, i) for i in range(max(positive, n - positive), n + 1)) / 2**n
    p, floor = probability(2.0 * tail), probability(2.0 ** (1 - n))
    return Outcome(method, n, float(positive), p, floor, exact=True)


def intraclass(means: FloatArray, variances: FloatArray, sizes: NDArray[np.int64]) -> Estimate:
    """Estimate the intraclass correlation ICC(1) from groups' means and variances.

    One-way random effects, by analysis of variance; groups may differ in size.

    Parameters
    ----------
    means, variances : ndarray, shape (groups,)
        Of each group; the variance with n - 1.
    sizes : ndarray of int, shape (groups,)
        At least 2 each.

    Returns
    -------
    Estimate
        ``n`` is the number of groups. It can be negative: groups then differ less than chance
        alone would make them.
    """
    groups, n = means.size, int(sizes.sum())
    if groups < 2:
        return Estimate.missing(Reason.TOO_FEW, groups)
    grand = float((sizes * means).sum() / n)
    between = float((sizes * (means - grand) ** 2).sum()) / (groups - 1)
    within = float(((sizes - 1) * variances).sum()) / (n - groups)
    size = (n - float((sizes**2).sum()) / n) / (groups - 1)
    total = between + (size - 1) * within
    if total <= 0.0:
        return Estimate.missing(Reason.CONSTANT_INPUT, groups)
    return Estimate((between - within) / total, groups)
