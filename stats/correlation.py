"""Rank correlation of two samples: Spearman in several honest forms, and Kendall beside it."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from math import atanh, factorial, isfinite, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, confidence, one_of, pair, real, ties_joined, why_not
from stats.nulls import probability
from stats.outcome import Alternative, Estimate, Interval, Outcome, Reason

IntArray = NDArray[np.int64]

EXACT_MAX = 9
"""Largest n whose n! arrangements are enumerated (9! = 362,880)."""

_EXACT = "Spearman, exact permutation"
_T = "Spearman, t approximation"
_UNDERFLOWS = 171  # 2/n! of it and more is below the smallest normal float
_PARTIAL = "Partial Spearman, t approximation"


def centred_ranks(values: FloatArray) -> IntArray:
    """Return twice the mid-ranks, centred: integers that sum to zero.

    Values that are equal up to floating-point noise are tied. Integers make every comparison
    between rank statistics exact, with no tolerance.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, p)
        Ranked along the first axis.
    """
    from scipy.stats import rankdata

    doubled = np.rint(2.0 * rankdata(ties_joined(values), axis=0)).astype(np.int64)
    return doubled - (values.shape[0] + 1)


@lru_cache(maxsize=8)
def arrangements(n: int) -> NDArray[np.int8]:
    """Return all orders of n things, shape (n!, n), the given order first. Read-only.

    Parameters
    ----------
    n : int

    Raises
    ------
    ValueError
        If n is above `EXACT_MAX`.
    """
    if n > EXACT_MAX:
        raise ValueError(f"n = {n} has too many arrangements; at most {EXACT_MAX} are enumerated")
    table = np.array(list(permutations(range(n))), dtype=np.int8).reshape(factorial(n), n)
    table.flags.writeable = False
    return table


def spearman(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Spearman's rank correlation, ties by mid-ranks.

    Parameters
    ----------
    x, y : array-like, shape (n,)
        Paired observations, n of at least 3.

    Returns
    -------
    Estimate
        Without an interval: `bonett_wright` and ``stats.resampling`` give those.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    first, second = pair(x, y)
    if reason := why_not(first, second, minimum=3):
        return Estimate.missing(reason, first.size)
    return Estimate(_pearson(centred_ranks(first), centred_ranks(second)), first.size)


def spearman_exact(x: ArrayLike, y: ArrayLike, alternative: Alternative = "two-sided") -> Outcome:
    """Spearman's test by enumeration of all n! arrangements, valid with ties.

    Two-sided p is the share of arrangements with |rho| at least as large as observed; the
    observed arrangement is one of them. (Twice the smaller tail is another convention.)

    Parameters
    ----------
    x, y : array-like, shape (n,)
        Paired observations, n from 3 to 9.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Outcome
        ``p_floor`` is the smallest p that these ties allow.

    Raises
    ------
    ValueError
        If the lengths differ or n exceeds 9.
    """
    alternative = one_of(alternative)
    first, second = pair(x, y)
    n = first.size
    if n > EXACT_MAX:
        raise ValueError(f"the exact test enumerates up to n = {EXACT_MAX}, got {n}")
    if reason := why_not(first, second, minimum=3):
        return Outcome.missing(_EXACT, reason, n)
    a, b = centred_ranks(first), centred_ranks(second)
    p, floor = _tail(b[arrangements(n)] @ a, alternative)
    return Outcome(_EXACT, n, _pearson(a, b), p, floor, alternative, exact=True)


def spearman_t(rho: float, n: int, alternative: Alternative = "two-sided") -> Outcome:
    """Spearman's test from rho and n alone, by the t distribution with n - 2 df.

    What R's ``cor.test(exact = FALSE)`` does. It needs no data, so it serves published
    correlations. At small n it can fall below what any arrangement can reach, and for a
    perfect correlation it is 0: p is never given below the floor 2/n! (1/n! one-sided).

    Parameters
    ----------
    rho : float
        In [-1, 1].
    n : int
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If rho is not a correlation.
    """
    _check_rho(rho)
    alternative = one_of(alternative)
    if n < 3:
        return Outcome.missing(_T, Reason.TOO_FEW, n)
    return _t_outcome(_T, rho, n, n - 2, alternative)


def bonett_wright(rho: float, n: int, level: float = 0.95) -> Interval | Reason:
    """Confidence interval of a Spearman correlation from rho and n alone.

    Fisher z with the standard error sqrt((1 + rho^2 / 2) / (n - 3)) of Bonett and Wright
    (2000), which allows for rho being a correlation of ranks.

    Parameters
    ----------
    rho : float
    n : int
    level : float
        Nominal coverage, in (0, 1).

    Returns
    -------
    Interval or Reason
        A reason for n < 4 and for a perfect correlation, where the method gives nothing.

    Raises
    ------
    ValueError
        If rho is not a correlation or level not a coverage.
    """
    _check_rho(rho)
    confidence(level)
    if n < 4:
        return Reason.TOO_FEW
    if abs(rho) >= 1.0:
        return Reason.PERFECT
    from scipy.special import ndtri

    reach = float(ndtri((1.0 + level) / 2.0)) * sqrt((1.0 + rho * rho / 2.0) / (n - 3))
    z = atanh(rho)
    return Interval(tanh(z - reach), tanh(z + reach), level, "bonett-wright")


def partial_spearman(
    x: ArrayLike, y: ArrayLike, covariates: ArrayLike, level: float = 0.95
) -> tuple[Estimate, Outcome]:
    """Spearman correlation of x and y with the covariates held fixed.

    Pearson's correlation between the residuals of the ranks of x and of y, each regressed on
    the ranks of the covariates; t test with n - 2 - k df; Bonett-Wright interval with n - k
    in the place of n.

    Parameters
    ----------
    x, y : array-like, shape (n,)
    covariates : array-like, shape (n,) or (n, k)
    level : float

    Returns
    -------
    Estimate, Outcome
        Both missing, for the same reason, where the correlation is undefined: also if x or
        y carries nothing beyond the covariates.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    first, second = pair(x, y)
    n = first.size
    confidence(level)
    given = real(covariates, "covariates")
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[0] != n:
        raise ValueError(f"covariates must have {n} rows, got shape {given.shape}")

    def missing(reason: Reason) -> tuple[Estimate, Outcome]:
        return Estimate.missing(reason, n), Outcome.missing(_PARTIAL, reason, n)

    if reason := why_not(first, second, *given.T, minimum=3 + given.shape[1]):
        return missing(reason)
    design = np.column_stack([np.ones(n), centred_ranks(given)])
    targets = centred_ranks(np.column_stack([first, second])).astype(np.float64)
    fitted, _, rank, _ = np.linalg.lstsq(design, targets, rcond=None)
    residuals = targets - design @ fitted
    # What is left after a perfect fit is rounding, and rounding correlates with anything.
    if ((residuals**2).sum(axis=0) <= 1e-20 * (targets**2).sum(axis=0)).any():
        return missing(Reason.CONSTANT_INPUT)
    k = int(rank) - 1
    rho = _pearson(residuals[:, 0], residuals[:, 1])
    estimate = Estimate.within(rho, n, bonett_wright(rho, n - k, level))
    return estimate, _t_outcome(_PARTIAL, rho, n, n - 2 - k, "two-sided")


def kendall(x: ArrayLike, y: ArrayLike) -> Outcome:
    """Kendall's tau-b, a robustness row beside Spearman's rho.

    The p-value is exact by enumeration up to n = 8 (ties included), exact by the known
    distribution up to n = 33 without ties, and else from the normal approximation.

    Parameters
    ----------
    x, y : array-like, shape (n,)

    Returns
    -------
    Outcome
        ``method`` and ``exact`` say which of the three it was.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    first, second = pair(x, y)
    n = first.size
    if reason := why_not(first, second, minimum=3):
        return Outcome.missing("Kendall tau-b", reason, n)
    from scipy.stats import kendalltau

    first, second = ties_joined(first), ties_joined(second)
    tied = min(np.unique(first).size, np.unique(second).size) < n
    exact = n <= 33 and not tied
    result = kendalltau(first, second, method="exact" if exact else "asymptotic")
    tau, p = np.asarray(result, dtype=np.float64).tolist()
    if n <= 8:
        i, j = np.triu_indices(n, 1)
        signs = np.sign(first[i] - first[j]).astype(np.int64)
        shuffled = second[arrangements(n)]
        scores = np.sign(shuffled[:, i] - shuffled[:, j]).astype(np.int64) @ signs
        p, floor = _tail(scores, "two-sided")
        return Outcome("Kendall tau-b, exact permutation", n, tau, p, floor, exact=True)
    floor = _untied_floor(n, "two-sided")
    method = "Kendall tau-b, exact" if exact else "Kendall tau-b, normal approximation"
    return Outcome(method, n, tau, min(1.0, max(p, floor)), floor, exact=exact)


def bayes_factor(r: float, n: int) -> Estimate:
    """Bayes factor BF10 for a correlation, against none.

    The analytic Bayes factor of Ly, Verhagen and Wagenmakers (2016) with a uniform prior on
    the correlation, from pingouin. It is derived for Pearson's r of a bivariate normal
    sample; applied to Spearman's rho, as here, it treats the ranks as such a sample, and is
    a description of the weight of evidence rather than an exact posterior odds ratio.

    Parameters
    ----------
    r : float
        In [-1, 1].
    n : int

    Returns
    -------
    Estimate
        Missing where the factor is unbounded, as it is for a perfect correlation.

    Raises
    ------
    ValueError
        If r is not a correlation.
    """
    _check_rho(r)
    if n < 3:
        return Estimate.missing(Reason.TOO_FEW, n)
    if abs(r) == 1.0:
        return Estimate.missing(Reason.UNBOUNDED, n)
    from pingouin import bayesfactor_pearson

    try:
        factor = float(bayesfactor_pearson(r, n))
    except OverflowError:
        return Estimate.missing(Reason.UNBOUNDED, n)
    return Estimate(factor, n) if isfinite(factor) else Estimate.missing(Reason.UNBOUNDED, n)


def _check_rho(rho: float) -> None:
    if not -1.0 <= rho <= 1.0:
        raise ValueError(f"a correlation lies in [-1, 1], got {rho}")


def _pearson(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Pearson's correlation of two vectors that already have mean zero."""
    first, second = a.astype(np.float64), b.astype(np.float64)
    rho = float(first @ second) / sqrt(float(first @ first) * float(second @ second))
    return min(1.0, max(-1.0, rho))


def _tail(scores: IntArray, alternative: Alternative) -> tuple[float, float]:
    """Return p and its floor from the scores of all arrangements, the observed one first."""
    if alternative == "two-sided":
        scores = np.abs(scores)
    elif alternative == "less":
        scores = -scores
    return float((scores >= scores[0]).mean()), float((scores == scores.max()).mean())


def _untied_floor(n: int, alternative: Alternative) -> float:
    """Smallest p among the n! arrangements of untied data."""
    ways = 2 if alternative == "two-sided" else 1
    return probability(ways / factorial(min(n, _UNDERFLOWS)))


def _t_outcome(method: str, rho: float, n: int, df: int, alternative: Alternative) -> Outcome:
    from scipy.special import stdtr

    floor = _untied_floor(n, alternative)
    gap = (1.0 - rho) * (1.0 + rho)
    if gap == 0.0:
        upper, lower = (0.0, 1.0) if rho > 0 else (1.0, 0.0)
    else:
        t = rho * sqrt(df / gap)
        upper, lower = float(stdtr(df, -t)), float(stdtr(df, t))
    tails = {"two-sided": 2.0 * min(upper, lower), "greater": upper, "less": lower}
    return Outcome(method, n, rho, min(1.0, max(tails[alternative], floor)), floor, alternative)
