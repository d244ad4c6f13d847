"""Second paths for correlations: brute force and textbook formulas on scipy's distributions."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import integrate, optimize, special, stats

from report.audit.recompute.reading import Floats, Integers, even

Found = dict[str, Any]


def rho(x: Floats, y: Floats) -> Any:
    """Spearman's rho along the last axis: Pearson's correlation of mid-ranks."""
    a, b = stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1)
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def scipy_rho(x: Floats, y: Floats) -> float:
    """Spearman's rho by scipy; not a number where one side is constant."""
    x, y = even(x), even(y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    found: Any = stats.spearmanr(x, y)
    return float(found.statistic)


def spearman(x: Floats, y: Floats) -> Found:
    """Spearman's rho by scipy; without ties it is 1 - 6 Σd²/(n³ - n)."""
    ranks_x, ranks_y = stats.rankdata(even(x)), stats.rankdata(even(y))
    return {
        "n": len(x), "ranks of x": ranks_x, "ranks of y": ranks_y,
        "sum of squared rank differences": float(((ranks_x - ranks_y) ** 2).sum()),
        "estimate": scipy_rho(x, y),
    }  # fmt: skip


def spearman_of_differences(a: Floats, b: Floats, c: Floats, d: Floats) -> Found:
    """Spearman's rho of a - b and c - d."""
    return {"n": len(a), "estimate": scipy_rho(a - b, c - d)}


def doubled_ranks(values: Floats) -> Integers:
    """Twice the mid-ranks, as whole numbers that sum to zero: comparisons are exact."""
    return np.rint(2 * stats.rankdata(even(values))).astype(np.int64) - (len(values) + 1)


def exact_test(x: Floats, y: Floats) -> Found:
    """Two-sided Spearman test over all n! orders."""
    a, b = doubled_ranks(x), doubled_ranks(y)
    orders = np.array(list(itertools.permutations(range(len(a)))))
    scores = np.abs((a * b[orders]).sum(axis=1))
    return {
        "orders": len(orders), "as extreme": int((scores >= abs(a @ b)).sum()),
        "statistic": scipy_rho(x, y),
        "p": float((scores >= abs(a @ b)).mean()),
        "p_floor": float((scores == scores.max()).mean()),
    }  # fmt: skip


def permutation_test(x: Floats, y: Floats, orders: Integers) -> Found:
    """Two-sided Spearman test over random orders: (b + 1)/(B + 1)."""
    a, b = doubled_ranks(x), doubled_ranks(y)
    extreme = int((np.abs((a * b[orders]).sum(axis=1)) >= abs(a @ b)).sum())
    return {
        "as extreme": extreme, "statistic": scipy_rho(x, y),
        "p": (extreme + 1) / (len(orders) + 1), "p_floor": 1 / (len(orders) + 1),
    }  # fmt: skip


def t_test(r: float, n: int, given: int = 0) -> Found:
    """Take the t approximation of a correlation's p, not below what n! orders can reach."""
    floor = min(1.0, 2 / math.factorial(min(n, 200)))  # 0 from about 178 on
    df = n - 2 - given
    t = math.inf if abs(r) == 1 else abs(r) * math.sqrt(df / (1 - r * r))
    p = float(2 * stats.t.sf(t, df))
    return {"t": t, "df": df, "statistic": r, "p": min(1.0, max(p, floor)), "p_floor": floor}


def bonferroni_test(r: float, n: int, layers: int) -> Found:
    """Bound the p of the largest of several correlations: their number times the p of one."""
    one = t_test(r, n)
    return {
        "p of one layer": one["p"], "statistic": r, "p": min(1.0, layers * one["p"]),
        "p_floor": min(1.0, layers * one["p_floor"]),
    }  # fmt: skip


def bonett_wright(r: float, n: int, level: float) -> Found:
    """Interval of Bonett and Wright (2000) on Fisher's z; none if n < 4 or |r| = 1."""
    if n < 4 or abs(r) == 1:
        return {}
    half = stats.norm.ppf((1 + level) / 2) * math.sqrt((1 + r * r / 2) / (n - 3))
    z = math.atanh(r)
    return {"z": z, "ci_low": float(np.tanh(z - half)), "ci_high": float(np.tanh(z + half))}


def partial(x: Floats, y: Floats, z: Floats, level: float) -> Found:
    """Partial Spearman correlation from the three rank correlations."""
    (_, xy, xz), (_, _, yz), _ = np.corrcoef([stats.rankdata(even(v)) for v in (x, y, z)])
    r = float(np.clip((xy - xz * yz) / math.sqrt((1 - xz * xz) * (1 - yz * yz)), -1, 1))
    found = {"n": len(x), "estimate": r} | t_test(r, len(x), given=1)
    return found | bonett_wright(r, len(x) - 1, level)


def kendall(x: Floats, y: Floats) -> Found:
    """Kendall's tau-b by counting pairs; p by enumeration, by recursion or the normal one."""
    n, x, y = len(x), even(x), even(y)
    i, j = np.triu_indices(n, 1)
    signs_x, signs_y = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
    score = int((signs_x * signs_y).sum())
    tau = score / math.sqrt(float((signs_x**2).sum() * (signs_y**2).sum()))
    found = {"n": n, "concordant minus discordant": score, "estimate": tau, "statistic": tau}
    if n <= 8:
        orders = np.array(list(itertools.permutations(range(n))))
        scores = (np.sign(y[orders][:, i] - y[orders][:, j]) * signs_x).sum(axis=1)
        return found | {"p": float((np.abs(scores) >= abs(score)).mean())}
    if n <= 33 and len(set(x)) == len(set(y)) == n:
        inversions = [1]  # orders of k things by their number of inversions
        for k in range(2, n + 1):
            inversions = [
                sum(inversions[max(0, m - k + 1) : m + 1]) for m in range(k * (k - 1) // 2 + 1)
            ]
        few = (n * (n - 1) // 2 - abs(score)) // 2
        return found | {"p": min(1.0, 2 * sum(inversions[: few + 1]) / math.factorial(n))}
    ties = [np.unique(v, return_counts=True)[1].astype(float) for v in (x, y)]
    v0 = n * (n - 1) * (2 * n + 5)
    vt, vu = (float((t * (t - 1) * (2 * t + 5)).sum()) for t in ties)
    v1 = math.prod(float((t * (t - 1)).sum()) for t in ties) / (2 * n * (n - 1))
    v2 = math.prod(float((t * (t - 1) * (t - 2)).sum()) for t in ties)
    v2 /= 9 * n * (n - 1) * (n - 2)
    z = score / math.sqrt((v0 - vt - vu) / 18 + v1 + v2)
    return found | {"z": z, "p": float(2 * stats.norm.sf(abs(z)))}


def bayes_factor(r: float, n: int) -> Found:
    """BF10 with a uniform prior: the density of r, averaged over rho, against rho = 0."""

    def density(true: float) -> float:
        hyper = special.hyp2f1(0.5, 0.5, n - 0.5, (1 + true * r) / 2)
        return (1 - true**2) ** ((n - 1) / 2) * (1 - true * r) ** (1.5 - n) * float(hyper)

    area = integrate.quad(density, -1, 1, epsabs=0, epsrel=1e-11, limit=500)[0]
    return {"estimate": area / 2 / density(0.0)}


@lru_cache(maxsize=256)
def simulated_power(true: float, n: int, alpha: float, samples: int = 20_000) -> float:
    """Share of simulated normal samples with Spearman correlation ``true`` that the test finds."""
    rng = np.random.default_rng(1)
    r = 2 * math.sin(math.pi * true / 6)
    x, e = rng.standard_normal((2, samples, n))
    seen = np.abs(rho(x, r * x + math.sqrt(max(0.0, 1 - r * r)) * e))
    if n > 9:
        with np.errstate(divide="ignore"):
            t = seen * np.sqrt((n - 2) / (1 - seen**2))
        return float((2 * stats.t.sf(t, n - 2) <= alpha).mean())
    steps = np.arange(n) * 2 - (n - 1)
    null = np.abs(steps[np.array(list(itertools.permutations(range(n))))] @ steps)
    scores = np.rint(seen * (steps @ steps)).astype(int)
    tail = {s: float((null >= s).mean()) for s in np.unique(scores)}
    return float(np.mean([tail[s] <= alpha for s in scores]))


def power_at(true: float, n: int, alpha: float) -> Found:
    """Power, simulated."""
    return {"estimate": simulated_power(abs(true), n, alpha)}


def detectable(n: int, power: float, alpha: float) -> Found:
    """Correlation at which the simulated power crosses the wanted one."""
    root: Any = optimize.bisect(
        lambda r: simulated_power(r, n, alpha) - power, 0.01, 0.9999, xtol=1e-3
    )
    return {"estimate": float(root)}


def required(true: float, power: float, alpha: float) -> Found:
    """Fewest observations at which the simulated power reaches the wanted one."""
    low, high = 3, 4
    while simulated_power(abs(true), high, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        reached = simulated_power(abs(true), middle, alpha) >= power
        low, high = (low, middle) if reached else (middle, high)
    return {"estimate": float(high)}


def pooled(r: Floats, n: Floats, level: float, want: str) -> Found:
    """Random effects on Fisher's z: REML by numerical maximisation, Hartung-Knapp.

    The likelihood is flat at its maximum, so the root of its slope makes the maximum sharp.
    """
    kept = (np.abs(r) < 1) & (n > 3)
    y, v = np.arctanh(r[kept]), 1 / (n[kept] - 3)

    def loss(tau2: float) -> float:
        w = 1 / (v + tau2)
        rest = w @ (y - w @ y / w.sum()) ** 2
        return float(np.log(v + tau2).sum() + np.log(w.sum()) + rest) / 2

    def slope(tau2: float) -> float:
        w = 1 / (v + tau2)
        return float(w.sum() - w @ w / w.sum() - (w * w) @ (y - w @ y / w.sum()) ** 2)

    top = 10 * float(np.var(y)) + 10 * float(v.max())
    best: Any = optimize.minimize_scalar(
        loss, bounds=(0, top), method="bounded", options={"xatol": 1e-12}
    )
    tau2 = 0.0
    if slope(0.0) < 0 or loss(0.0) > loss(best.x):
        sharp: Any = optimize.root_scalar(slope, x0=best.x, x1=best.x * (1 + 1e-6), xtol=1e-15)
        tau2 = float(sharp.root)
    w, k = 1 / (v + tau2), len(y)
    z = float(w @ y / w.sum())
    se = math.sqrt(float(w @ (y - z) ** 2 / (k - 1) / w.sum()))
    typical = float((k - 1) * (1 / v).sum() / ((1 / v).sum() ** 2 - (1 / v**2).sum()))
    reach = {"pooled": se, "prediction": math.sqrt(tau2 + se * se)}.get(want, 0.0)
    half = float(stats.t.ppf((1 + level) / 2, k - 1)) * reach
    found = {"n": k, "tau2": tau2, "z": z, "standard error": se}
    if want in ("tau2", "i2"):
        return found | {"estimate": tau2 if want == "tau2" else tau2 / (tau2 + typical)}
    if np.ptp(y) <= 1e-12:  # no scatter: neither an interval nor a test
        return found | {"estimate": math.tanh(z)}
    ends = {"ci_low": math.tanh(z - half), "ci_high": math.tanh(z + half)}
    test = {"statistic": z / se, "p": float(2 * stats.t.sf(abs(z / se), k - 1))}
    return found | {"estimate": math.tanh(z)} | ends | (test if want == "pooled" else {})
