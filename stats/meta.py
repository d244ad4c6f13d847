"""Random-effects pooling of correlations across models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt, tanh
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, vector
from stats.nulls import chi2_upper, normal_quantile, normal_two_sided, t_quantile, t_two_sided
from stats.outcome import Estimate, Interval, Outcome, Reason

Method = Literal["DL", "PM", "REML"]

_MAX_ITERATIONS = 1000
_CONVERGED = 1e-15

# Fisher z closer together than this are equal: z is of order 1 whatever was correlated.
_NO_SCATTER = 1e-12


@dataclass(frozen=True, slots=True)
class Pooled:
    """A pooled correlation and its heterogeneity.

    Parameters
    ----------
    z : Estimate
        Pooled Fisher z with its interval.
    r : Estimate
        The same as a correlation: tanh of z and of the interval's ends.
    outcome : Outcome
        Test of no correlation.
    se : float or None
        Standard error of z.
    tau2 : float or None
        Variance of the true z between models.
    i2 : float or None
        I² in percent: share of the total variance that lies between models.
    q, q_p : float or None
        Cochran's Q and its p-value with k − 1 degrees of freedom.
    prediction : Interval or None
        Prediction interval for the correlation of a new model.
    k : int
        Number of correlations.
    method : str
        Estimator of τ² and kind of interval.
    """

    z: Estimate
    r: Estimate
    outcome: Outcome
    se: float | None
    tau2: float | None
    i2: float | None
    q: float | None
    q_p: float | None
    prediction: Interval | None
    k: int
    method: str


def pool_correlations(
    rho: ArrayLike,
    n: Sequence[int] | ArrayLike,
    method: Method = "REML",
    hartung_knapp: bool = True,
    level: float = 0.95,
) -> Pooled:
    """Pool correlations of independent samples in a random-effects model on Fisher's z.

    As ``rma(yi, vi, method, test)`` of R's metafor, with fixed variances 1/(n − 3); these
    are Pearson's, and a little too small for rank correlations. τ² is iterated to machine
    precision (metafor stops at 1e-5) and truncated at 0. With Hartung–Knapp the standard
    error comes from the observed scatter, without truncation, and the quantiles from the
    t distribution with k − 1 degrees of freedom; the prediction interval uses the same.

    Parameters
    ----------
    rho : array_like, shape (k,)
    n : array_like of int, shape (k,)
        Sample size behind each correlation.
    method : {"REML", "PM", "DL"}
        Restricted maximum likelihood, Paule–Mandel, DerSimonian–Laird.
    hartung_knapp : bool
    level : float

    Returns
    -------
    Pooled
        Missing with fewer than two correlations, with n ≤ 3, or where a correlation is
        not finite or perfect. Where all correlations are equal, Hartung–Knapp has no
        scatter to work with: the estimate stands without an interval and without a test.

    Raises
    ------
    ValueError
        If lengths differ, a correlation is outside [−1, 1], or there is no such method.

    References
    ----------
    DerSimonian and Laird (1986); Paule and Mandel (1982); Viechtbauer (2005), JEBS 30,
    261–293; Hartung and Knapp (2001), Stat. Med. 20, 3875–3889; Higgins and Thompson (2002).
    """
    r, sizes = vector(rho, "rho"), vector(n, "n")
    name = f"random effects, {method}" + (", Hartung-Knapp" if hartung_knapp else "")
    if r.size != sizes.size:
        raise ValueError(f"{r.size} correlations and {sizes.size} sample sizes")
    if (np.abs(r) > 1.0).any():
        raise ValueError("a correlation must be in [-1, 1]")
    if method not in get_args(Method):
        known = ", ".join(map(repr, get_args(Method)))
        raise ValueError(f"method must be one of {known}, got {method!r}")
    if reason := _why_not_pooled(r, sizes):
        return _missing(reason, r.size, name)

    y, v = np.arctanh(r), 1.0 / (sizes - 3.0)
    tau2 = {"DL": _tau2_dl, "PM": _tau2_pm, "REML": _tau2_reml}[method](y, v)
    w = 1.0 / (v + tau2)
    mean = float(w @ y / w.sum())
    variance = float(1.0 / w.sum())
    if hartung_knapp:
        variance *= float(w @ (y - mean) ** 2) / (y.size - 1)
    se = sqrt(variance)
    q = _q(y, v, 0.0)
    z, back, outcome, prediction = _inference(
        mean, se, tau2, y.size, name, level, hartung_knapp, scattered=float(np.ptp(y)) > _NO_SCATTER
    )
    return Pooled(
        z=z,
        r=back,
        outcome=outcome,
        se=se,
        tau2=tau2,
        i2=100.0 * tau2 / (tau2 + _typical_variance(v)),
        q=q,
        q_p=chi2_upper(q, y.size - 1),
        prediction=prediction,
        k=y.size,
        method=name,
    )


def _inference(
    mean: float,
    se: float,
    tau2: float,
    k: int,
    name: str,
    level: float,
    hartung_knapp: bool,
    scattered: bool,
) -> tuple[Estimate, Estimate, Outcome, Interval | None]:
    if hartung_knapp and not scattered:
        missing = Outcome.missing(name, Reason.CONSTANT_INPUT, k)
        plain = Estimate.within(mean, k, Reason.NO_SPREAD)
        return plain, replace(plain, value=tanh(mean)), missing, None
    tail = 0.5 + level / 2
    quantile = t_quantile(tail, k - 1) if hartung_knapp else normal_quantile(tail)
    kind = "hartung-knapp" if hartung_knapp else "wald"
    statistic = mean / se
    p = t_two_sided(statistic, k - 1) if hartung_knapp else normal_two_sided(statistic)
    half, reach = quantile * se, quantile * sqrt(tau2 + se**2)
    return (
        Estimate(mean, k, Interval(mean - half, mean + half, level, kind)),
        Estimate(
            tanh(mean),
            k,
            Interval(tanh(mean - half), tanh(mean + half), level, f"{kind}, Fisher z"),
        ),
        Outcome(name, k, statistic, p),
        Interval(tanh(mean - reach), tanh(mean + reach), level, "prediction, Fisher z"),
    )


def _why_not_pooled(r: FloatArray, sizes: FloatArray) -> Reason | None:
    if not (np.isfinite(r).all() and np.isfinite(sizes).all()):
        return Reason.NON_FINITE
    if r.size < 2 or (sizes <= 3.0).any():
        return Reason.TOO_FEW
    # A perfect correlation has no finite Fisher z.
    return Reason.NON_FINITE if (np.abs(r) == 1.0).any() else None


def _missing(reason: Reason, k: int, name: str) -> Pooled:
    estimate, outcome = Estimate.missing(reason, k), Outcome.missing(name, reason, k)
    return Pooled(estimate, estimate, outcome, None, None, None, None, None, None, k, name)


def _q(y: FloatArray, v: FloatArray, tau2: float) -> float:
    """Weighted sum of squares around the weighted mean: Cochran's Q at τ² = 0."""
    w = 1.0 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def _typical_variance(v: FloatArray) -> float:
    w = 1.0 / v
    return float((v.size - 1) * w.sum() / (w.sum() ** 2 - w @ w))


def _tau2_dl(y: FloatArray, v: FloatArray) -> float:
    w = 1.0 / v
    excess = _q(y, v, 0.0) - (y.size - 1)
    return max(0.0, excess / float(w.sum() - w @ w / w.sum()))


def _tau2_pm(y: FloatArray, v: FloatArray) -> float:
    """Solve Q(τ²) = k − 1 by Newton's method: Q is convex and falls, so it can't overshoot."""
    df, tau2 = y.size - 1, 0.0
    for _ in range(_MAX_ITERATIONS):
        w = 1.0 / (v + tau2)
        residual = y - w @ y / w.sum()
        step = max((_q(y, v, tau2) - df) / max(float(w**2 @ residual**2), 1e-300), -tau2)
        tau2 += step
        if abs(step) <= _CONVERGED * (1.0 + tau2):
            break
    return tau2


def _tau2_reml(y: FloatArray, v: FloatArray) -> float:
    """Maximise the restricted likelihood by Fisher scoring, kept at or above 0.

    Scoring may overshoot for ever, to and fro. So a step that does not stay between the last
    value where the likelihood rises and the last where it falls is replaced by their middle.
    """
    tau2, rises, falls = _tau2_dl(y, v), -1.0, np.inf
    for _ in range(_MAX_ITERATIONS):
        w = 1.0 / (v + tau2)
        total = float(w.sum())
        squares = float(w @ w)
        residual = y - w @ y / total
        score = float(w**2 @ residual**2) - (total - squares / total)
        information = squares - 2.0 * float((w**3).sum()) / total + (squares / total) ** 2
        step = max(score / information, -tau2)
        if abs(step) <= _CONVERGED * (1.0 + tau2):
            break
        rises, falls = (tau2, falls) if score > 0.0 else (rises, tau2)
        tau2 += step
        if not rises < tau2 < falls:
            tau2 = (rises + falls) / 2.0
    return tau2
