"""Second paths for curves over layers, and resampling for all statistics."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from report.audit.recompute.correlations import rho
from report.audit.recompute.reading import Floats, Integers, even, generator
from report.audit.recompute.samples import participation

Found = dict[str, Any]
Statistic = Callable[..., Floats]


def layer_means(grid: Floats) -> Floats:
    """Mean over questions of every layer, (…, questions, layers)."""
    return grid.sum(axis=-2) / grid.shape[-2]


def lowest(grid: Floats) -> Floats:
    """Lowest layer mean."""
    return layer_means(grid).min(axis=-1)


def highest(grid: Floats) -> Floats:
    """Highest layer mean."""
    return layer_means(grid).max(axis=-1)


def width(grid: Floats) -> Floats:
    """Highest less lowest layer mean."""
    return highest(grid) - lowest(grid)


def level_of(grid: Floats) -> Floats:
    """Mean over layers and questions."""
    return layer_means(grid).mean(axis=-1)


def profile(grid: Floats, what: str) -> Found:
    """Summarise a model's activation entropies, (questions, layers)."""
    columns = [column[np.isfinite(column)] for column in grid.T]
    usable = [i for i, column in enumerate(columns) if len(column) > 1]
    means = [math.fsum(columns[i]) / len(columns[i]) for i in usable]
    ends = np.round(means, 10)  # of tied layers the first
    lowest_at, highest_at = int(ends.argmin()), int(ends.argmax())
    found: Found = {"n": len(grid), "layer means": np.array(means)}
    if what in ("lowest", "highest"):
        at = lowest_at if what == "lowest" else highest_at
        return found | {"layer": usable[at], "estimate": means[at]}
    if what == "spread":
        return found | {"estimate": float(np.mean([np.std(columns[i], ddof=1) for i in usable]))}
    if what == "width":
        return found | {"estimate": means[highest_at] - means[lowest_at]}
    return found | {"estimate": math.fsum(means) / len(means)}


def extreme(values: Floats, what: str) -> Found:
    """Lowest or highest of one value a layer, and its layer."""
    at = int(np.nanargmin(values) if what == "lowest" else np.nanargmax(values))
    return {"layer": at, "estimate": float(values[at])}


# --- resampling -------------------------------------------------------------------------


def percentile(replicates: Floats, level: float) -> Found:
    """Percentile interval."""
    known = replicates[np.isfinite(replicates)]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return {"resamples used": len(known), "ci_low": float(low), "ci_high": float(high)}


def bca(statistic: Statistic, data: Sequence[Floats], indices: Integers, level: float) -> Found:
    """BCa interval (Efron 1987) of a statistic, rows resampled by ``indices``."""
    observed = float(statistic(*data))
    replicates = np.concatenate([
        statistic(*(column[some] for column in data)) for some in np.array_split(indices, 8)
    ])  # fmt: skip
    replicates = replicates[np.isfinite(replicates)]
    left_out = np.array([
        float(statistic(*(np.delete(column, i, axis=0) for column in data)))
        for i in range(len(data[0]))
    ])  # fmt: skip
    noise = 1e-12 * abs(observed)
    below = (replicates < observed - noise).mean() / 2 + (replicates <= observed + noise).mean() / 2
    z0, influence = stats.norm.ppf(below), left_out.mean() - left_out
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = z0 + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(replicates, stats.norm.cdf(z0 + z / (1 - acceleration * z)))
    return {
        "resamples used": len(replicates), "bias correction z0": float(z0),
        "acceleration": float(acceleration), "ci_low": float(low), "ci_high": float(high),
    }  # fmt: skip


def studentised(x: Floats, indices: Integers, level: float) -> Found:
    """Interval of a mean, every resample's mean measured in its own standard error."""
    centre, deviations, errors = math.fsum(x) / len(x), list[Floats](), list[Floats]()
    for some in np.array_split(indices, 8):
        rows = x[some] - centre
        deviations.append(rows.mean(axis=1))
        errors.append(rows.std(axis=1))
    away, error = np.concatenate(deviations), np.concatenate(errors)
    flat = error**2 <= 1e-12 * (error**2 + away**2)
    ratio = np.divide(away, error, out=np.sign(away) * 1e300, where=np.logical_not(flat))
    far, near = np.quantile(ratio, [(1 + level) / 2, (1 - level) / 2])
    return {
        "resamples without spread": int(flat.sum()), "t of the resamples": (near, far),
        "ci_low": centre - far * float(np.std(x)), "ci_high": centre - near * float(np.std(x)),
    }  # fmt: skip


def exact_bootstrap(x: Floats, y: Floats, level: float) -> Found:
    """Percentile interval of Spearman's rho over all resamples with their probabilities."""
    n, x, y = len(x), even(x), even(y)
    drawn = list(itertools.combinations_with_replacement(range(n), n))
    chances: list[tuple[float, float]] = []
    for chosen, value in zip(drawn, rho(x[np.array(drawn)], y[np.array(drawn)]), strict=True):
        times = [chosen.count(i) for i in range(n)]
        ways = math.factorial(n) // math.prod(math.factorial(t) for t in times)
        chances.append((float(value), ways / n**n))
    known = sorted(pair for pair in chances if math.isfinite(pair[0]))
    total, reached, ends = sum(w for _, w in known), 0.0, list[float]()
    wanted = [(1 - level) / 2, (1 + level) / 2]
    for value, weight in known:
        reached += weight
        while len(ends) < 2 and reached >= wanted[len(ends)] * total - 1e-12:
            ends.append(value)
    return {
        "distinct resamples": len(chances), "undefined share": 1 - total,
        "ci_low": ends[0], "ci_high": ends[1],
    }  # fmt: skip


def nested(tables: Sequence[Sequence[Floats]], indices: Integers, level: float) -> Found:
    """Resample the questions of all models at once: rho of mean entropy and dimension.

    Both are rounded, so that models with the same value are tied.
    """
    x = np.column_stack([columns[0][indices].mean(axis=1) for columns in tables])
    y = np.column_stack([participation(np.stack(columns[1:], -1)[indices]) for columns in tables])
    return percentile(rho(x.round(10), y.round(10)), level)


def clopper_pearson(hits: int, n: int, level: float) -> Found:
    """Exact binomial interval, from quantiles of the beta distribution."""
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(stats.beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(stats.beta.ppf(1 - tail, hits + 1, n - hits))
    return {"ci_low": low, "ci_high": high}


def recognised(curves: Floats) -> int:
    """Count the curves (models, questions, points) nearest to their own model's profile."""
    m, q, _ = curves.shape
    profiles = (curves.sum(axis=1, keepdims=True) - curves) / (q - 1)
    squares = np.array([((curves - profiles[other]) ** 2).sum(axis=2) for other in range(m)])
    near = squares <= squares.min(axis=0) + 1e-10 * squares.max()  # equal up to rounding
    return int((near.argmax(axis=0) == np.arange(m)[:, None]).sum())


def classification(*curves: Floats, seed: int, name: str, size: int, level: float) -> Found:
    """Nearest-profile classification, the labels shuffled within questions.

    What a model lacks in every question is left out, then the questions that lack anything.
    """
    points = max(c.shape[1] for c in curves)
    at = np.linspace(0, 1, points)
    table = np.array([
        [np.interp(at, np.linspace(0, 1, c.shape[1]), row) for row in c] for c in curves
    ])  # fmt: skip
    table = table[:, :, np.isfinite(table).any(axis=1).all(axis=0)]
    table = table[:, np.isfinite(table).all(axis=(0, 2))]
    m, q, _ = table.shape
    hits, rng, reached = recognised(table), generator(seed, name), 0
    for _ in range(size):
        order = rng.permuted(np.tile(np.arange(m), (q, 1)), axis=1)
        reached += recognised(table[order.T, np.arange(q)]) >= hits
    found = {"n": m * q, "hits": hits, "estimate": hits / (m * q), "statistic": hits / (m * q)}
    test = {"shuffles as good": reached, "p": (reached + 1) / (size + 1), "p_floor": 1 / (size + 1)}
    return found | test | clopper_pearson(hits, m * q, level)
