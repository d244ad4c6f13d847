"""What the simulation repeats: data with a known truth, and the project's own functions on them.

A block makes ``BLOCK`` replications from one generator and returns, by method, what came of
each: 1 where an interval covered the truth (or a test rejected), 0 where not, a share where
the error is one (false discoveries), NaN where the method gave nothing. Resampling draws are
shared within a block, as they are within a model, and never between blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import pi, sin, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from stats import comparison, correlation, dimension, meta, multiplicity, profiles, resampling
from stats.outcome import Interval, Outcome, Reason

Array = NDArray[np.float64]
Rng = np.random.Generator

BLOCK = 20
N_BOOTSTRAP = 1_999
N_PERMUTATIONS = 1_999
N_FAMILY = 10_000  # the plan's default: Holm among 217 tests needs p-values this small
ALPHA, LEVEL = 0.05, 0.95
LAYERS, AXES, MODELS, QUESTIONS = 31, 7, 6, 30
_CUTS = np.array([-1.5, -0.5, 0.5, 1.5])


class Trials(NamedTuple):
    """One method's results in a block."""

    values: Array
    fell_back: Array | None = None


Block = Callable[[Rng], dict[str, Trials]]


# --- populations ------------------------------------------------------------------------


def five_levels(values: Array) -> Array:
    """Round to the five levels -2 to 2: ties as a questionnaire makes them."""
    return np.clip(np.rint(values), -2.0, 2.0)


def tied_spearman(r: float) -> float:
    """Return the population Spearman correlation, by mid-ranks, of two five-level normal variables.

    The mid-rank of a level is a step function of the normal variable beneath it. Expanded in
    Hermite polynomials, the covariance of two such functions is a power series in r.
    """
    shares = np.diff(ndtr(_CUTS), prepend=0.0, append=1.0)
    scores = np.cumsum(shares) - shares / 2.0
    steps = np.diff(scores) * np.exp(-(_CUTS**2) / 2.0) / sqrt(2.0 * pi)
    last, current, covariance = np.zeros(_CUTS.size), np.ones(_CUTS.size), 0.0
    for k in range(1, 200):
        covariance += r**k * float(steps @ current) ** 2 / k
        last, current = current, (_CUTS * current - sqrt(k - 1) * last) / sqrt(k)
    return covariance / float(shares @ (scores - 0.5) ** 2)


@lru_cache(maxsize=32)
def latent(rho: float, ties: bool) -> float:
    """Pearson correlation of the normal variables whose Spearman correlation is rho."""
    if not ties:
        return 2.0 * sin(pi * rho / 6.0)
    root: Any = brentq(lambda r: tied_spearman(r) - rho, -0.99, 0.99, xtol=1e-12)
    return float(root)


def pairs(rng: Rng, size: tuple[int, ...], rho: float, ties: bool) -> tuple[Array, Array]:
    """Draw x and y with population Spearman correlation rho."""
    r = latent(rho, ties)
    x, noise = rng.standard_normal((2, *size))
    y = r * x + sqrt(1.0 - r * r) * noise
    return (five_levels(x), five_levels(y)) if ties else (x, y)


def rank_biserial_truth(shift: float) -> float:
    """Matched-pairs rank-biserial correlation of normal differences, in large samples."""
    return 2.0 * float(ndtr(sqrt(2.0) * shift)) - 1.0


def dimension_truth(decay: float) -> float:
    """Participation ratio where each axis has ``decay`` times the variance of the last."""
    variances = decay ** np.arange(AXES)
    return float(variances.sum() ** 2 / (variances**2).sum())


def layers(rng: Rng, n: int, count: int = LAYERS, neighbour: float = 0.9) -> Array:
    """Draw n observations of layers of which each is correlated with the one before."""
    noise = rng.standard_normal((count, n))
    states = [noise[0]]
    for fresh in noise[1:]:
        states.append(neighbour * states[-1] + sqrt(1.0 - neighbour**2) * fresh)
    return np.array(states).T


def axes(rng: Rng, n: int, count: int = AXES, shared: float = 0.3) -> Array:
    """Draw n observations of axes of which any two are correlated by ``shared``."""
    return sqrt(shared) * rng.standard_normal((n, 1)) + sqrt(1.0 - shared) * rng.standard_normal(
        (n, count)
    )


# --- intervals --------------------------------------------------------------------------


def covers(interval: Interval | Reason | None, truth: float) -> float:
    return (
        float(interval.low <= truth <= interval.high) if isinstance(interval, Interval) else np.nan
    )


def judged(found: Sequence[Interval | Reason | None], truth: float, wanted: str = "") -> Trials:
    """Tell which intervals cover, and with ``wanted`` which were made by another method."""
    values = np.array([covers(interval, truth) for interval in found])
    if not wanted:
        return Trials(values)
    other = [float(isinstance(i, Interval) and i.method != wanted) for i in found]
    return Trials(values, np.array(other))


def spearman_intervals(rng: Rng, n: int, ties: bool, rho: float) -> dict[str, Trials]:
    x, y = pairs(rng, (BLOCK, n, 1), rho, ties)
    counts = resampling.draw_counts(n, N_BOOTSTRAP, rng)
    listed = resampling.enumerate_counts(n) if n <= resampling.ENUMERATE_MAX else None
    found: dict[str, list[Interval | Reason | None]] = {}
    for a, b in zip(x, y, strict=True):
        bca = resampling.bootstrap_spearman(a, b, counts, level=LEVEL)
        percentile = resampling.bootstrap_spearman(a, b, counts, level=LEVEL, method="percentile")
        estimate = bca.estimate(0, 0)
        found.setdefault("bca", []).append(bca.interval(0, 0))
        found.setdefault("percentile", []).append(percentile.interval(0, 0))
        if listed:
            exact = resampling.bootstrap_spearman(a, b, listed[0], weights=listed[1], level=LEVEL)
            found.setdefault("exact-bootstrap", []).append(exact.interval(0, 0))
        found.setdefault("bonett-wright", []).append(
            None if estimate.value is None else correlation.bonett_wright(estimate.value, n, LEVEL)
        )
    return {method: judged(made, rho, method) for method, made in found.items()}


MEANS = {"normal": 0.0, "gamma of shape 2": 2.0, "exponential": 1.0}


def mean_intervals(rng: Rng, n: int, design: str) -> dict[str, Trials]:
    """Intervals of a mean, of observations of one of the distributions in ``MEANS``."""
    truth = MEANS[design]
    sample = rng.gamma(truth, size=(n, BLOCK)) if truth == 2.0 else (
        rng.exponential(size=(n, BLOCK)) if truth else rng.standard_normal((n, BLOCK))
    )  # fmt: skip
    counts = resampling.draw_counts(n, N_BOOTSTRAP, rng)
    studentised = resampling.bootstrap_means(sample, counts, level=LEVEL)
    bca = resampling.bootstrap_means(sample, counts, level=LEVEL, method="bca")
    t = [
        comparison.mean_t_interval(float(column.mean()), float(column.std(ddof=1)), n, LEVEL)
        for column in sample.T
    ]
    return {
        "studentised": judged(studentised, truth, "studentised"),
        "bca": judged(bca, truth, "bca"),
        "t": judged(t, truth),
    }


def shift_intervals(rng: Rng, n: int, ties: bool, paired: bool) -> dict[str, Trials]:
    """Hodges-Lehmann intervals where there is no shift."""
    x, y = rng.standard_normal((2, BLOCK, n))
    x, y = (five_levels(x), five_levels(y)) if ties else (x, y)
    estimate = comparison.hodges_lehmann_paired if paired else comparison.hodges_lehmann_shift
    made = [estimate(a, b, LEVEL).interval for a, b in zip(x, y, strict=True)]
    return {"hodges-lehmann": judged(made, 0.0)}


def rank_biserial_intervals(rng: Rng, n: int, shift: float) -> dict[str, Trials]:
    """Matched-pairs rank-biserial correlation; its truth is that of large samples."""
    differences = shift + rng.standard_normal((BLOCK, n))
    counts = resampling.draw_counts(n, N_BOOTSTRAP, rng)
    zero = np.zeros(n)
    made = [comparison.rank_biserial_paired(d, zero, counts, LEVEL).interval for d in differences]
    return {"bca": judged(made, rank_biserial_truth(shift), "bca")}


def dimension_intervals(rng: Rng, n: int, decay: float) -> dict[str, Trials]:
    """Effective dimension where each axis has ``decay`` times the variance of the last."""
    variances = decay ** np.arange(AXES)
    counts = resampling.draw_counts(n, N_BOOTSTRAP, rng)
    made: list[Interval | Reason | None] = []
    for points in rng.standard_normal((BLOCK, n, AXES)) * np.sqrt(variances):
        observed = dimension.participation_ratio(points).value
        assert observed is not None
        made.append(
            resampling.bootstrap_interval(
                observed,
                dimension.resampled_participation_ratio(points, counts),
                dimension.jackknife_participation_ratio(points),
                level=LEVEL,
            )
        )
    return {"bca": judged(made, dimension_truth(decay), "bca")}


def pooled_intervals(rng: Rng, rho: float, tau: float) -> dict[str, Trials]:
    """Six models of thirty questions each, whose true Fisher z scatter by ``tau``."""
    pooled: list[Interval | None] = []
    predicted: list[float] = []
    for _ in range(BLOCK):
        true = np.tanh(np.arctanh(rho) + tau * rng.standard_normal(MODELS + 1))
        drawn = [pairs(rng, (QUESTIONS,), float(value), False) for value in true[:-1]]
        found = meta.pool_correlations(
            [correlation.spearman(x, y).value or 0.0 for x, y in drawn],
            [QUESTIONS] * MODELS,
            level=LEVEL,
        )
        pooled.append(found.r.interval)
        predicted.append(covers(found.prediction, float(true[-1])))
    return {"hartung-knapp": judged(pooled, rho), "prediction": Trials(np.array(predicted))}


# --- tests ------------------------------------------------------------------------------


def rejected(outcomes: list[Outcome]) -> Trials:
    values = [np.nan if o.p is None else float(o.p <= ALPHA) for o in outcomes]
    return Trials(np.array(values))


def spearman_tests(rng: Rng, n: int, ties: bool) -> dict[str, Trials]:
    x, y = pairs(rng, (BLOCK, n), 0.0, ties)
    both = list(zip(x, y, strict=True))
    results: dict[str, Trials] = {}
    if n <= correlation.EXACT_MAX:
        results["spearman, exact"] = rejected([correlation.spearman_exact(a, b) for a, b in both])
    else:
        # One y against twenty x: the permutations are drawn once for them all.
        orders = resampling.draw_permutations(n, N_PERMUTATIONS, rng)
        found = resampling.permute_spearman(x.T, y[:1].T, orders)
        made = [found.outcome(i, 0) for i in range(BLOCK)]
        results["spearman, permutation"] = rejected(made)
    values = [correlation.spearman(a, b).value for a, b in both]
    t = [None if rho is None else correlation.spearman_t(rho, n).p for rho in values]
    results["spearman, t"] = Trials(
        np.array([np.nan if p is None else float(p <= ALPHA) for p in t])
    )
    if n != 8:  # the enumeration for tau at n = 8 takes long, and teaches no more than at 6
        results["kendall"] = rejected([correlation.kendall(a, b) for a, b in both])
    return results


def partial_tests(rng: Rng, n: int) -> dict[str, Trials]:
    """Two variables that both depend on a third, and on nothing else together."""
    length, x, y = rng.standard_normal((3, BLOCK, n))
    x, y = 0.6 * length + 0.8 * x, 0.6 * length + 0.8 * y
    both = zip(x, y, length, strict=True)
    return {
        "partial spearman": rejected([correlation.partial_spearman(a, b, c)[1] for a, b, c in both])
    }


def pair_tests(rng: Rng, n: int, ties: bool, paired: bool) -> dict[str, Trials]:
    x, y = rng.standard_normal((2, BLOCK, n))
    x, y = (five_levels(x), five_levels(y)) if ties else (x, y)
    test = comparison.wilcoxon_signed_rank if paired else comparison.mann_whitney
    name = "wilcoxon signed-rank" if paired else "mann-whitney"
    return {name: rejected([test(a, b) for a, b in zip(x, y, strict=True)])}


def block_tests(rng: Rng, n: int, ties: bool) -> dict[str, Trials]:
    """Six models that answer the same n questions; questions differ in level."""
    tables = rng.standard_normal((BLOCK, n, MODELS)) + rng.standard_normal((BLOCK, n, 1))
    tables = five_levels(tables) if ties else tables
    return {
        "friedman": rejected([comparison.friedman(table)[1] for table in tables]),
        "page": rejected([comparison.page_trend(table) for table in tables]),
    }


def welch_tests(rng: Rng, n1: int, n2: int, design: str) -> dict[str, Trials]:
    outcomes: list[Outcome] = []
    for _ in range(BLOCK):
        if design == "exponential":
            x, y = rng.exponential(size=n1), rng.exponential(size=n2)
        else:
            x, y = rng.standard_normal(n1), rng.standard_normal(n2)
        if design == "unequal variances":
            y *= 3.0
        if design == "paired answers":
            y = 0.5 * x + sqrt(0.75) * y
        first, second = ((float(v.mean()), float(v.std(ddof=1)), v.size) for v in (x, y))
        outcomes.append(comparison.welch_from_summary(*first, *second)[1])
    return {"welch": rejected(outcomes)}


def combined_tests(rng: Rng) -> dict[str, Trials]:
    """Six independent correlations of thirty questions each, combined."""
    combined: list[Outcome] = []
    agreeing: list[Outcome] = []
    for _ in range(BLOCK):
        x, y = pairs(rng, (MODELS, QUESTIONS), 0.0, False)
        rho = [correlation.spearman(a, b).value or 0.0 for a, b in zip(x, y, strict=True)]
        p = [correlation.spearman_t(value, QUESTIONS).p or 1.0 for value in rho]
        signs = [int(np.sign(value)) for value in rho]
        combined.append(comparison.stouffer(p, signs))
        agreeing.append(comparison.sign_agreement(signs))
    return {"stouffer": rejected(combined), "sign agreement": rejected(agreeing)}


def profile_tests(rng: Rng) -> dict[str, Trials]:
    """Four models of the same kind, ten questions, twenty points of depth."""
    curves = [layers(rng, 40, 20).reshape(4, 10, 20) for _ in range(BLOCK)]
    made = [profiles.nearest_profile(c, rng, 199, LEVEL).outcome for c in curves]
    return {"nearest profile": rejected(made)}


def signature_tests(rng: Rng) -> dict[str, Trials]:
    """Two models whose layers have nothing to do with their axes."""
    orders = resampling.draw_permutations(QUESTIONS, N_PERMUTATIONS, rng)
    other = resampling.draw_permutations(QUESTIONS, N_PERMUTATIONS, rng)
    outcomes: list[Outcome] = []
    for _ in range(BLOCK):
        x1, y1 = layers(rng, QUESTIONS), axes(rng, QUESTIONS)
        x2, y2 = layers(rng, QUESTIONS), axes(rng, QUESTIONS)
        outcomes.append(profiles.signature_similarity(x1, y1, x2, y2, orders, other)[1])
    return {"signature similarity": rejected(outcomes)}


def peak_tests(rng: Rng, n: int) -> dict[str, Trials]:
    """Test the strongest of 31 layers with the search over them accounted for."""
    orders = resampling.draw_permutations(n, N_PERMUTATIONS, rng)
    made: list[Outcome] = []
    for _ in range(BLOCK):
        found = resampling.permute_spearman(layers(rng, n), axes(rng, n, 1), orders)
        made.append(found.peak_outcome(0))
    return {"max-T peak": rejected(made)}


# --- families ---------------------------------------------------------------------------


def errors(p_adjusted: Array, null: NDArray[np.bool_]) -> tuple[float, float]:
    """Return whether there is any false rejection, and their share among the rejections."""
    found = p_adjusted <= ALPHA
    false = int((found & null).sum())
    return float(false > 0), false / max(int(found.sum()), 1)


def judged_family(p: list[Array], maxt: list[Array], nulls: NDArray[np.bool_]) -> dict[str, Trials]:
    """Error rates of every rule: of any false rejection, and of their share."""
    rows: dict[str, list[float]] = {}
    for raw, searched in zip(p, maxt, strict=True):
        rules = {k: np.array(v) for k, v in multiplicity.adjust(raw.tolist()).items()}
        for rule, values in (rules | {"maxt": searched}).items():
            anything, share = errors(values, nulls)
            rows.setdefault(f"{rule}, any", []).append(anything)
            rows.setdefault(f"{rule}, share", []).append(share)
    # What a rule promises: Holm and max-T no false rejection at all, BH and BY a small share.
    promised = ("holm, any", "maxt, any", "bh, share", "by, share")
    return {name: Trials(np.array(rows[name])) for name in promised}


def layer_family(rng: Rng, effect: float) -> dict[str, Trials]:
    """31 layers by 7 axes of thirty questions; ``effect`` ties two axes to the middle layer."""
    orders = resampling.draw_permutations(QUESTIONS, N_FAMILY, rng)
    p: list[Array] = []
    maxt: list[Array] = []
    for _ in range(BLOCK):
        x, y = layers(rng, QUESTIONS), axes(rng, QUESTIONS)
        # A layer k away from the middle keeps 0.9^k of the effect: in two axes no null is true.
        y[:, :2] = effect * x[:, [LAYERS // 2]] + sqrt(1.0 - effect**2) * y[:, :2]
        found = resampling.permute_spearman(x, y, orders)
        p.append(found.p.ravel())
        maxt.append(found.p_maxt.ravel())
    null = np.ones((LAYERS, AXES), dtype=np.bool_)
    null[:, :2] = effect == 0.0
    return judged_family(p, maxt, null.ravel())


def model_family(rng: Rng, effect: float) -> dict[str, Trials]:
    """Six models by seven axes of thirty questions; ``effect`` in two axes of two models."""
    null = np.ones((MODELS, AXES), dtype=np.bool_)
    null[:2, :2] = effect == 0.0
    orders = [resampling.draw_permutations(QUESTIONS, N_PERMUTATIONS, rng) for _ in range(MODELS)]
    p: list[Array] = []
    maxt: list[Array] = []
    for _ in range(BLOCK):
        parts: list[resampling.PermutationMatrix] = []
        for related, drawn in zip(~null, orders, strict=True):
            x, y = rng.standard_normal((QUESTIONS, 1)), axes(rng, QUESTIONS)
            y = np.where(related, effect * x + sqrt(1.0 - effect**2) * y, y)
            parts.append(resampling.permute_spearman(x, y, drawn))
        p.append(np.concatenate([part.p[0] for part in parts]))
        maxt.append(np.concatenate([q[0] for q in resampling.family_maxt(parts)]))
    return judged_family(p, maxt, null.ravel())
