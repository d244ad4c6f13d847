"""The degenerate matrix: every bad input against every statistic of two samples.

Each cell gives a value or the reason why not, and no p ever stands beside a missing statistic.
"""

from __future__ import annotations

import sys
from math import isfinite

import numpy as np
import pytest

from stats import comparison
from stats.correlation import (
    EXACT_MAX,
    bayes_factor,
    bonett_wright,
    kendall,
    partial_spearman,
    spearman,
    spearman_exact,
    spearman_t,
)
from stats.outcome import Estimate, Interval, Outcome, Reason
from stats.resampling import (
    bootstrap_mean,
    bootstrap_spearman,
    draw_counts,
    draw_permutations,
    exact_bootstrap_spearman,
    permute_spearman,
    spearman_matrix,
    spearman_replicates,
    spearman_rows,
)

RISING = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
MIXED = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0]

# name: x, y, why their correlation is missing (None: it is there)
CASES = {
    "n=0": ([], [], Reason.TOO_FEW),
    "n=1": ([1.0], [2.0], Reason.TOO_FEW),
    "n=2": ([1.0, 2.0], [2.0, 1.0], Reason.TOO_FEW),
    "n=3": ([1.0, 2.0, 3.0], [2.0, 1.0, 3.0], None),
    "n=4": ([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 3.0], None),
    "n=3, constant": ([1.0, 1.0, 1.0], [2.0, 1.0, 3.0], Reason.CONSTANT_INPUT),
    "constant x": ([0.7] * 8, MIXED, Reason.CONSTANT_INPUT),
    "constant y": (MIXED, [0.1 + 0.2] * 8, Reason.CONSTANT_INPUT),
    "near-constant": ([1.0 + 1e-15 * k for k in range(8)], RISING, Reason.CONSTANT_INPUT),
    "near-constant, large": ([1e9 + 1e-5 * k for k in range(8)], RISING, Reason.CONSTANT_INPUT),
    "all zero": ([0.0] * 8, RISING, Reason.CONSTANT_INPUT),
    "all tied, both": ([2.0] * 8, [2.0] * 8, Reason.CONSTANT_INPUT),
    "the same twice": (MIXED, MIXED, None),
    "one value differs": ([0.0] * 7 + [1.0], MIXED, None),
    "NaN": ([*MIXED[:7], np.nan], RISING, Reason.NON_FINITE),
    "all NaN": ([np.nan] * 8, RISING, Reason.NON_FINITE),
    "infinity": (RISING, [*MIXED[:7], np.inf], Reason.NON_FINITE),
    "both infinities": ([np.inf, *MIXED[1:7], -np.inf], RISING, Reason.NON_FINITE),
    "one outlier": ([*MIXED[:7], 1e300], RISING, None),
    "tiny values": ([1e-300 * v for v in MIXED], RISING, None),
}

cases = pytest.mark.parametrize(("x", "y", "reason"), CASES.values(), ids=CASES.keys())


def whole(result: Estimate | Outcome) -> Reason | None:
    """Assert that a result is a value or a reason, and return the reason."""
    if isinstance(result, Outcome):
        assert (result.p is None) == (result.reason is not None)
        if result.reason is not None:
            assert result.statistic is None
        else:
            assert isfinite(result.statistic)
            assert 0.0 < result.p <= 1.0
            assert result.p_floor is None or result.p >= result.p_floor - 1e-15
        return result.reason
    assert (result.value is None) == (result.reason is not None)
    if result.interval is not None:
        assert result.interval.low < result.interval.high
    return result.reason


@cases
def test_one_correlation(x, y, reason):
    assert whole(spearman(x, y)) is reason
    assert whole(kendall(x, y)) is reason
    assert whole(spearman_exact(x, y)) is reason


@cases
def test_the_reason_beside_every_form_is_the_same(x, y, reason):
    value = spearman(x, y).value
    assert (value is None) == (reason is not None)
    if value is None:
        return
    assert -1.0 <= value <= 1.0
    assert whole(spearman_t(value, len(x))) is None
    assert whole(bayes_factor(value, len(x))) in (None, Reason.UNBOUNDED)
    closed = bonett_wright(value, len(x))
    why = Reason.TOO_FEW if len(x) < 4 else Reason.PERFECT if abs(value) == 1.0 else None
    assert closed is why if why else isinstance(closed, Interval)


@cases
def test_partial(x, y, reason):
    estimate, outcome = partial_spearman(x, y, np.sin(2.0 * np.arange(len(x))))
    assert whole(estimate) is whole(outcome)
    if len(x) >= 4:
        # "the same twice" leaves equal residuals: a perfect partial correlation
        assert estimate.reason is reason
    else:
        assert estimate.reason is Reason.TOO_FEW


@pytest.mark.parametrize(
    ("covariate", "reason"),
    [
        ([1.0] * 8, Reason.CONSTANT_INPUT),
        ([np.nan] * 8, Reason.NON_FINITE),
        (RISING, Reason.CONSTANT_INPUT),
    ],
    ids=["constant", "NaN", "x itself"],
)
def test_partial_with_a_bad_covariate(covariate, reason):
    estimate, outcome = partial_spearman(RISING, MIXED, covariate)
    assert whole(estimate) is whole(outcome) is reason


@cases
def test_the_engine(x, y, reason):
    n = len(x)
    first, second = np.array(x).reshape(n, 1), np.array(y).reshape(n, 1)
    assert np.isnan(spearman_matrix(first, second)[0, 0]) == (reason is not None)
    assert np.isnan(spearman_rows(first.T, second.T)[0]) == (reason is not None)
    if n == 0:
        with pytest.raises(ValueError, match="0 observations"):
            draw_counts(n, 10, np.random.default_rng(1))
        return
    counts = draw_counts(n, 400, np.random.default_rng(1))
    for method in ("bca", "percentile"):
        found = bootstrap_spearman(first, second, counts, method=method)
        assert whole(found.estimate(0, 0)) is reason
        interval = found.interval(0, 0)
        if isinstance(interval, Interval):
            assert -1.0 <= interval.low < interval.high <= 1.0
            assert reason is None
        else:
            assert interval is (reason or found.estimate(0, 0).no_interval)
    replicates = spearman_replicates(first, second, counts)
    assert np.nanmax(np.abs(replicates), initial=0.0) <= 1.0
    tests = permute_spearman(first, second, draw_permutations(n, 99, np.random.default_rng(2)))
    assert whole(tests.outcome(0, 0)) is reason
    assert whole(tests.peak_outcome(0)) is reason
    for p in (tests.p, tests.p_maxt, tests.p_maxt_within_column):
        assert np.isnan(p[0, 0]) == (reason is not None)


@cases
def test_exact_bootstrap(x, y, reason):
    interval = exact_bootstrap_spearman(x, y)
    if reason is not None:
        assert interval is (reason if x else Reason.TOO_FEW)
    if isinstance(interval, Interval):
        assert -1.0 <= interval.low < interval.high <= 1.0


@cases
def test_means(x, y, reason):
    if not x:
        return
    interval = bootstrap_mean(x, draw_counts(len(x), 200, np.random.default_rng(3)))
    if not np.isfinite(x).all():
        assert interval is Reason.NON_FINITE
    elif len(x) < 2 or np.ptp(x) <= 1e-12 * np.abs(x).max():
        assert interval is (Reason.NO_SPREAD if len(x) > 1 else Reason.TOO_FEW)
    elif isinstance(interval, Interval):
        assert interval.low < np.mean(x) < interval.high


@cases
@pytest.mark.parametrize(
    "statistic",
    [
        comparison.wilcoxon_signed_rank,
        comparison.rank_biserial_paired,
        comparison.hodges_lehmann_paired,
        comparison.mann_whitney,
        comparison.rank_biserial,
        comparison.hodges_lehmann_shift,
    ],
    ids=lambda f: f.__name__,
)
def test_two_samples(statistic, x, y, reason):
    found = whole(statistic(x, y))
    if reason is Reason.NON_FINITE:
        assert found is Reason.NON_FINITE
    if not x:
        assert found is Reason.TOO_FEW


def test_an_outlier_is_one_rank_and_no_more():
    x, y, _ = CASES["one outlier"]
    tame = [*x[:7], max(x[:7]) + 1]
    assert spearman_exact(x, y) == spearman_exact(tame, y)
    assert exact_bootstrap_spearman(x, y) == exact_bootstrap_spearman(tame, y)


def test_a_bad_column_spoils_no_other():
    rng = np.random.default_rng(4)
    good_x, good_y = rng.normal(size=(2, 8, 1))
    bad = np.array([CASES[name][0] for name in ("constant x", "NaN", "both infinities")]).T
    counts, orders = draw_counts(8, 200, rng), draw_permutations(8, 200, rng)
    alone = bootstrap_spearman(good_x, good_y, counts)
    among = bootstrap_spearman(np.hstack([bad, good_x]), np.hstack([good_y, bad]), counts)
    assert among.estimate(3, 0) == alone.estimate(0, 0)
    test_alone = permute_spearman(good_x, good_y, orders)
    test_among = permute_spearman(np.hstack([bad, good_x]), np.hstack([good_y, bad]), orders)
    assert test_among.p_maxt[3, 0] == test_alone.p[0, 0]
    assert test_among.peak.tolist() == [3, -1, -1, -1]


def test_the_cases_fit_the_exact_test():
    assert max(len(x) for x, _, _ in CASES.values()) <= EXACT_MAX


# --- floors that no float holds ---------------------------------------------------------


@pytest.mark.parametrize(
    "outcome",
    [
        lambda: comparison.wilcoxon_signed_rank(range(1, 1101), [0] * 1100),
        lambda: comparison.sign_agreement([1] * 1100),
        lambda: spearman_t(0.5, 10**7),
        lambda: spearman_t(1.0, 10**9),
        lambda: comparison.friedman(np.arange(3000).reshape(1000, 3))[1],
        lambda: comparison.page_trend(np.arange(3000).reshape(1000, 3)),
    ],
)
def test_a_floor_below_the_smallest_float_is_that_float(outcome):
    found = outcome()
    assert found.p_floor in (None, sys.float_info.min)
    assert sys.float_info.min <= found.p < 1e-100
