"""Second paths for samples: means, paired and unpaired comparisons, trends, dimensions."""

from __future__ import annotations

import collections
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from report.audit.recompute.reading import Floats, even

Found = dict[str, Any]


def given(*columns: Floats) -> Found:
    """Take the one number that the first selector names."""
    return {"estimate": float(columns[0][0])}


def mean(x: Floats) -> Floats:
    """Mean along the last axis."""
    return x.sum(axis=-1) / x.shape[-1]


def described(x: Floats, what: str) -> Found:
    """Mean, standard deviation (n - 1), median, sum or positive share of a sample."""
    ordered = np.sort(x)
    n, centre = len(x), math.fsum(x) / len(x)
    value = {
        "mean": centre,
        "sd": math.sqrt(math.fsum((x - centre) ** 2) / max(n - 1, 1)),
        "median": float(ordered[n // 2] + ordered[(n - 1) // 2]) / 2,
        "count": math.fsum(x),
        "positive": float((x > 0).mean()),
    }[what]
    return {"n": n, "smallest": ordered[0], "largest": ordered[-1], "estimate": value}


def share_of_answers(some: Floats, every: Floats) -> Found:
    """Share of answers: the sum of some over the sum of all."""
    n = math.fsum(every)
    return {"n": int(n), "estimate": math.fsum(some) / n}


def total_over(x: Floats, times: Floats) -> Found:
    """Sum of x, each value as often as it counts."""
    return {"n": len(x), "estimate": math.fsum(x * times)}


def intraclass(means: Floats, variances: Floats, sizes: Floats) -> Found:
    """Intraclass correlation by the components of variance of a one-way layout."""
    groups, n = len(means), math.fsum(sizes)
    centre = math.fsum(sizes * means) / n
    error = math.fsum((sizes - 1) * variances) / (n - groups)
    size = (n - math.fsum(sizes * sizes) / n) / (groups - 1)
    between = (math.fsum(sizes * (means - centre) ** 2) / (groups - 1) - error) / size
    return {"n": groups, "estimate": between / (between + error)}


def different(lengths: Floats) -> Found:
    """How many different lengths there are."""
    known = [length for length in lengths.tolist() if length > 0]
    return {"n": len(known), "estimate": len(set(known))}


def weighted_mean(x: Floats, weights: Floats) -> Found:
    """Mean of x, each value counted as often as its weight says; none without a weight."""
    x, weights = x[weights > 0], weights[weights > 0]
    return {"n": len(x), "estimate": math.fsum(x * weights) / math.fsum(weights)}


def t_interval(mean: float, sd: float, n: int, level: float) -> Found:
    """Student's interval of a mean."""
    low, high = stats.t.interval(level, n - 1, loc=mean, scale=sd / math.sqrt(n))
    return {"ci_low": float(low), "ci_high": float(high)}


def welch(*summary: Floats, level: float) -> Found:
    """Welch's t test from mean, sd and n of two samples."""
    m1, s1, n1, m2, s2, n2 = (float(column[0]) for column in summary)
    found = stats.ttest_ind_from_stats(m1, s1, n1, m2, s2, n2, equal_var=False)
    a, b = s1 * s1 / n1, s2 * s2 / n2
    df = (a + b) ** 2 / (a * a / (n1 - 1) + b * b / (n2 - 1))
    half = stats.t.ppf((1 + level) / 2, df) * math.sqrt(a + b)
    return {
        "n": int(n1 + n2), "df": df, "standard error": math.sqrt(a + b), "estimate": m1 - m2,
        "statistic": float(found.statistic), "p": float(found.pvalue),
        "ci_low": m1 - m2 - half, "ci_high": m1 - m2 + half,
    }  # fmt: skip


def signed_rank(x: Floats, y: Floats) -> Found:
    """Wilcoxon's signed-rank test: all 2^n signs counted exactly, zero differences dropped."""
    d = x - y
    d = d[np.abs(d) > 1e-12 * max(np.abs(x).max(), np.abs(y).max())]
    doubled = np.rint(2 * stats.rankdata(np.round(np.abs(d) / np.abs(d).max(), 11))).astype(int)
    n, total, plus = len(d), int(doubled.sum()), int(doubled[d > 0].sum())
    if n > 200:
        z = max(abs(plus - total / 2) / 2 - 0.5, 0) / math.sqrt(float((doubled**2).sum()) / 16)
        p = float(2 * stats.norm.sf(z))
    else:
        ways = {0: 1}  # whole numbers, so nothing is rounded
        for rank in doubled.tolist():
            both = dict(ways)
            for score, times in ways.items():
                both[score + rank] = both.get(score + rank, 0) + times
            ways = both
        far = abs(2 * plus - total)
        p = sum(times for score, times in ways.items() if abs(2 * score - total) >= far) / 2**n
    return {
        "differences other than 0": n, "rank sum of the positive": plus / 2,
        "rank sum of the negative": (total - plus) / 2, "statistic": plus / 2, "p": p,
        "p_floor": 2.0 ** (1 - n),
    }  # fmt: skip


def between(values: Floats, ways: Sequence[int], level: float) -> Found:
    """Interval between two order statistics, from the exact counts of a rank statistic."""
    total, below, rank = sum(ways), 0, 0
    while (below + ways[rank]) / total <= (1 - level) / 2 * (1 + 1e-12):
        below, rank = below + ways[rank], rank + 1
    return {"attained level": 1 - 2 * below / total} | order_statistics(values, rank)


def between_normally(values: Floats, sd: float, level: float) -> Found:
    """Interval between two order statistics, from a rank statistic's normal approximation."""
    rank = math.floor(len(values) / 2 - float(stats.norm.isf((1 - level) / 2)) * sd)
    return order_statistics(values, max(rank, 0))


def order_statistics(values: Floats, rank: int) -> Found:
    """Interval between the values of one rank from below and from above; none at 0."""
    ordered = np.sort(values)
    found: Found = {"order statistic": rank}
    if rank:
        found |= {"ci_low": float(ordered[rank - 1]), "ci_high": float(ordered[-rank])}
    return found


def hodges_lehmann(x: Floats, y: Floats, level: float) -> Found:
    """Median of the Walsh averages of x - y, with the interval of the signed-rank test."""
    d = x - y
    d[np.abs(d) <= 1e-12 * max(np.abs(x).max(), np.abs(y).max())] = 0.0
    n = len(d)
    walsh = np.array([(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)])
    found = {"n": n, "Walsh averages": len(walsh), "estimate": float(np.median(walsh))}
    if n > 200:
        sd = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return found | between_normally(walsh, sd, level)
    ways = [1]  # subsets of 1…n by their sum
    for rank in range(1, n + 1):
        longer = [*ways, *([0] * rank)]
        for total, times in enumerate(ways):
            longer[total + rank] += times
        ways = longer
    return found | between(walsh, ways, level)


def hodges_lehmann_differences(a: Floats, b: Floats, c: Floats, d: Floats, level: float) -> Found:
    """`hodges_lehmann` of the differences a - b and c - d."""
    return hodges_lehmann(a - b, c - d, level)


def signed_rank_differences(a: Floats, b: Floats, c: Floats, d: Floats) -> Found:
    """`signed_rank` of the differences a - b and c - d."""
    return signed_rank(a - b, c - d)


def rank_sums(ranks: Sequence[int], size: int) -> dict[int, int]:
    """Count the choices of ``size`` of the ranks by their sum."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            for total, times in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + times
    return ways[size]


def rank_sum(x: Floats, y: Floats) -> Found:
    """Mann-Whitney's U test, exact up to 120 values by counting all divisions."""
    x, y = even(x), even(y)
    ranks = np.rint(2 * stats.rankdata(np.concatenate([x, y]))).astype(int)
    first, size, n = int(ranks[: len(x)].sum()), len(x), len(x) + len(y)
    u = first / 2 - size * (size + 1) / 2
    if n > 120:
        p = float(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)
        return {"statistic": u, "p": p}
    ways = rank_sums(ranks.tolist(), size)
    middle, far = size * (n + 1), abs(first - size * (n + 1))
    extreme = sum(times for total, times in ways.items() if abs(total - middle) >= far)
    return {"statistic": u, "p": extreme / math.comb(n, size)}


def shift(x: Floats, y: Floats, level: float) -> Found:
    """Median of all differences between two samples, with the interval of the U test."""
    differences = np.array([a - b for a in x for b in y])
    n = len(x) + len(y)
    found = {"n": n, "estimate": float(np.median(differences))}
    if n > 120:
        sd = math.sqrt(len(differences) * (n + 1) / 12)
        return found | between_normally(differences, sd, level)
    ways = rank_sums(range(1, n + 1), len(x))
    smallest = len(x) * (len(x) + 1) // 2
    counts = [ways[smallest + u] for u in range(len(differences) + 1)]
    return found | between(differences, counts, level)


def biserial(d: Floats) -> Floats:
    """Matched-pairs rank-biserial correlation of differences, along the last axis."""
    scale = np.abs(d).max()
    size = np.round(np.abs(d) / scale, 11)
    ranks = stats.rankdata(size, axis=-1) - (size == 0).sum(axis=-1, keepdims=True)
    plus, minus = (np.where((d * s > 0) & (size > 0), ranks, 0).sum(axis=-1) for s in (1, -1))
    with np.errstate(invalid="ignore"):
        return (plus - minus) / (plus + minus)


def rank_biserial_paired(x: Floats, y: Floats) -> Found:
    """Rank sums of the positive less the negative differences, over both."""
    return {"n": len(x), "estimate": float(biserial(x - y))}


def rank_biserial(x: Floats, y: Floats) -> Found:
    """Share of pairs in which x is larger less the share in which it is smaller."""
    signs = [int(np.sign(a - b)) for a in even(x) for b in even(y)]
    return {"n": len(x) + len(y), "estimate": sum(signs) / len(signs)}


def friedman(*columns: Floats) -> Found:
    """Friedman's test and Kendall's W from rank sums, corrected for ties."""
    ranks = np.array([stats.rankdata(row) for row in even(np.column_stack(columns))])
    n, k = ranks.shape
    ties = sum(float((t**3 - t).sum()) for row in ranks
               for t in [np.unique(row, return_counts=True)[1]])  # fmt: skip
    sums = ranks.sum(axis=0)
    chi2 = 12 * float(((sums - n * (k + 1) / 2) ** 2).sum()) / (n * k * (k + 1) - ties / (k - 1))
    return {
        "n": n, "rank sums": sums, "statistic": chi2, "p": float(stats.chi2.sf(chi2, k - 1)),
        "estimate": chi2 / (n * (k - 1)), "p_floor": float(stats.chi2.sf(n * (k - 1), k - 1)),
    }  # fmt: skip


def page(*columns: Floats) -> Found:
    """Page's test over ordered conditions, by the normal approximation or by enumeration."""
    table = even(np.column_stack(columns))
    q, k = table.shape
    ranks = stats.rankdata(table, axis=1)
    score = float((ranks * np.arange(1, k + 1)).sum())
    if k > 10 or q * k**3 > 50_000:  # beyond what is listed exactly
        places = np.arange(1, k + 1)
        spread = sum(float(((row - row.mean()) ** 2).sum()) for row in ranks)
        variance = spread * float(((places - places.mean()) ** 2).sum()) / (k - 1)
        z = (score - q * k * (k + 1) ** 2 / 4) / math.sqrt(variance)
        return {"n": q, "statistic": score, "z": z, "p": min(1.0, 2 * float(stats.norm.sf(abs(z))))}

    @functools.cache
    def orders(left: tuple[float, ...]) -> dict[float, float]:
        """Every sum that the ranks ``left`` can give in the last places, with its probability."""
        if not left:
            return {0.0: 1.0}
        place, found = k + 1 - len(left), collections.defaultdict[float, float](float)
        for value, times in collections.Counter(left).items():
            i = left.index(value)
            for s, share in orders(left[:i] + left[i + 1 :]).items():
                found[s + place * value] += share * times / len(left)
        return dict(found)

    whole: dict[float, float] = {0.0: 1.0}
    for row in ranks:
        more = collections.defaultdict[float, float](float)
        for a, share in whole.items():
            for b, chance in orders(tuple(sorted(row.tolist()))).items():
                more[a + b] += share * chance
        whole = dict(more)
    upper = sum(share for s, share in whole.items() if s >= score)
    lower = sum(share for s, share in whole.items() if s <= score)
    floor = 2 * min(whole[max(whole)], whole[min(whole)])
    return {"n": q, "statistic": score, "p": min(1.0, 2 * min(upper, lower)), "p_floor": floor}


def last_to_first(*columns: Floats) -> Found:
    """Ratio of the last column's mean to the first's."""
    means = [float(mean(column)) for column in columns]
    return {"means": means, "n": len(columns[0]), "estimate": means[-1] / means[0]}


def stouffer(values: Floats, p: Floats) -> Found:
    """Combine two-sided tests by their signed normal quantiles."""
    z = [math.copysign(float(stats.norm.isf(q / 2)), v) if v else 0.0
         for v, q in zip(values, p, strict=True)]  # fmt: skip
    combined = sum(z) / math.sqrt(len(z))
    return {"z of each": z, "statistic": combined, "p": float(2 * stats.norm.sf(abs(combined)))}


def sign_test(values: Floats) -> Found:
    """Exact binomial test of the signs, zeros dropped; none if nothing is left."""
    signs = [v for v in values if v != 0]
    if not signs:
        return {}
    positive = sum(v > 0 for v in signs)
    p = float(stats.binomtest(positive, len(signs)).pvalue)
    return {"statistic": float(positive), "p": p, "p_floor": 2.0 ** (1 - len(signs))}


def participation(points: Floats) -> Floats:
    """Participation ratio (tr C)²/tr C² of points (…, n, axes)."""
    centred = points - points.mean(axis=-2, keepdims=True)
    covariance = np.swapaxes(centred, -1, -2) @ centred / points.shape[-2]
    trace = np.trace(covariance, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(trace > 1e-12, trace**2 / (covariance**2).sum(axis=(-2, -1)), np.nan)


def effective_dimension(*columns: Floats) -> Found:
    """Participation ratio (Σλ)²/Σλ² over the eigenvalues of the covariance."""
    points = np.column_stack(columns)
    eigenvalues = np.linalg.eigvalsh(np.cov(points.T).reshape(len(columns), -1))
    ratio = float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    return {"n": len(points), "eigenvalues": eigenvalues, "estimate": ratio}


def corrected_dimension(*columns: Floats, level: float) -> Found:
    """Ratio of unbiased estimators of (tr Σ)² and tr Σ² (Himeno and Yamada 2014), jackknifed."""

    def ratio(points: Floats) -> float:
        n = len(points)
        lengths = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
        covariance = np.cov(points.T).reshape(points.shape[1], -1)
        trace, square = float(np.trace(covariance)), float((covariance**2).sum())
        fourth = n * float((lengths**2).sum()) / (n - 1)
        above = 2 * square + (n * n - 3 * n + 1) * trace**2 - fourth
        return above / ((n - 1) * (n - 2) * square + trace**2 - fourth)

    points = np.column_stack(columns)
    n, found = len(points), ratio(points)
    if n < 5:
        return {"n": n, "estimate": found}
    logs = [math.log(ratio(np.delete(points, i, axis=0))) for i in range(n)]
    error = math.sqrt((n - 1) * float(np.var(logs)))
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return {
        "n": n, "estimate": found,
        "ci_low": found * math.exp(-reach), "ci_high": found * math.exp(reach),
    }  # fmt: skip


def dead_axes(*columns: Floats) -> Found:
    """Count axes that are constant, or at ±1 in more than half of the questions."""
    columns = tuple(c for c in columns if len(c) > 1)
    at_limit = [float((np.abs(c) >= 1).mean()) for c in columns]
    dead = [np.ptp(c) <= 1e-12 * np.abs(c).max() or share > 0.5
            for c, share in zip(columns, at_limit, strict=True)]  # fmt: skip
    return {"n": len(columns), "share at a limit": at_limit, "estimate": float(sum(dead))}


def range_of(low: Floats, high: Floats) -> Found:
    """Width of a published range."""
    return {"estimate": round(float(high[0]) - float(low[0]), 6)}


def range_ratio(low: Floats, high: Floats, other_low: Floats, other_high: Floats) -> Found:
    """Width of one published range over that of another."""
    widths = [range_of(low, high)["estimate"], range_of(other_low, other_high)["estimate"]]
    return {"widths": widths, "estimate": widths[0] / widths[1]}


def less(one: Floats, other: Floats) -> Found:
    """Subtract one number from another."""
    return {"estimate": float(one[0] - other[0])}


def lost(*columns: Floats) -> Found:
    """Count what has no value in the last column though it has one in the first."""
    gone = np.isnan(columns[-1])
    return {"n": len(gone), "estimate": float((gone & np.isfinite(columns[0])).sum())
            if len(columns) > 1 else float(gone.sum())}  # fmt: skip


def lost_axes(answers: dict[tuple[str, ...], float]) -> Found:
    """Count the axes none of whose answers, keyed by question and axis, has a value."""
    by_axis: dict[str, list[float]] = {}
    for (_, axis, *_), value in answers.items():
        by_axis.setdefault(axis, []).append(value)
    return {
        "n": len(by_axis),
        "estimate": float(sum(bool(np.isnan(values).all()) for values in by_axis.values())),
    }


def end_of_set(own: Floats, *others: Floats, level: float) -> Found:
    """Recompute an end of an identified set, and Imbens and Manski's interval of the set.

    The bounds on the side in question come first, then those on the other side, where known.
    """
    ends = [(float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x))) for x in (own, *others)]
    return {"estimate": ends[0][0], "n": len(own)} | around_set(ends, level)


def end_of_shift(x: Floats, y: Floats, *others: Floats, level: float) -> Found:
    """Recompute an end of the set of a difference between means of independent samples."""
    ends = [
        (float(a.mean() - b.mean()), math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
        for a, b in zip((x, *others[:1]), (y, *others[1:]), strict=True)
    ]
    return {"estimate": ends[0][0], "n": len(x) + len(y)} | around_set(ends, level)


def around_set(ends: Sequence[tuple[float, float]], level: float) -> Found:
    """Solve for Imbens and Manski's interval by Newton's method, from ends and their errors."""
    if len(ends) < 2:
        return {}
    (low, below), (high, above) = sorted(ends)
    width, c = (high - low) / max(below, above), 1.8
    for _ in range(50):
        gap = stats.norm.cdf(c + width) - stats.norm.cdf(-c) - level
        c -= gap / (stats.norm.pdf(c + width) + stats.norm.pdf(c))
    return {"ci_low": float(low - c * below), "ci_high": float(high + c * above)}


def order_open(low: Floats, high: Floats) -> Found:
    """Count the pairs of questions whose bounds overlap; an unknown upper bound is infinite."""
    known = [(a, math.inf if math.isnan(b) else b)
             for a, b in zip(low, high, strict=True) if math.isfinite(a)]  # fmt: skip
    pairs = [(p, q) for i, p in enumerate(known) for q in known[:i]]
    overlap = sum(p[0] <= q[1] and q[0] <= p[1] for p, q in pairs)
    return {"estimate": overlap / len(pairs), "n": len(known)}
