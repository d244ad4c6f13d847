"""The engine against loops on the same draws, against R's boot, and against scipy."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stats.correlation import bonett_wright, spearman, spearman_exact
from stats.draws import Drawn
from stats.outcome import Reason
from stats.resampling import (
    bootstrap_interval,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_spearman,
    draw_counts,
    draw_permutations,
    enumerate_counts,
    exact_bootstrap_spearman,
    family_maxt,
    peak_distribution,
    permute_spearman,
    spearman_matrix,
    spearman_replicates,
    spearman_rows,
)


@pytest.fixture
def rng():
    return np.random.default_rng(20260211)


@pytest.fixture
def data(rng):
    """Six variables against three, n = 17, with ties, a relation, and a constant each."""
    x, y = rng.normal(size=(17, 6)), rng.normal(size=(17, 3))
    y[:, 0] += x[:, 2]
    x[:, 1], y[:, 1] = x[:, 1].round(), y[:, 1].round()
    x[:, 4], y[:, 2] = 0.1, 1.0
    return x, y


def rho_or_nan(x, y):
    """Spearman's rho by scipy, NaN where either is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return scipy_stats.spearmanr(x, y).statistic


def loop(x, y, rows):
    """Every pair's correlation among the given rows, one at a time."""
    return np.array([[rho_or_nan(a[rows], b[rows]) for b in y.T] for a in x.T])


# --- draws --------------------------------------------------------------------------------


def test_counts_are_resamples(rng):
    counts = draw_counts(30, 500, rng)
    assert counts.shape == (500, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=5 / np.sqrt(500))


def test_permutations_are_permutations(rng):
    orders = draw_permutations(9, 500, rng)
    assert (np.sort(orders, axis=1) == np.arange(9)).all()
    # Each value is as likely in each place.
    assert (orders == 0).mean(axis=0) == pytest.approx(np.full(9, 1 / 9), abs=0.07)


@pytest.mark.parametrize("n", range(1, 9))
def test_the_enumeration_holds_each_resample_once(n):
    counts, weights = enumerate_counts(n)
    assert len({tuple(row) for row in counts}) == len(counts) == comb(2 * n - 1, n)
    assert (counts.sum(axis=1) == n).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_weights_are_how_often_a_resample_is_drawn():
    drawn = Counter(tuple(np.bincount(s, minlength=4)) for s in product(range(4), repeat=4))
    counts, weights = enumerate_counts(4)
    assert {tuple(c): w * 4**4 for c, w in zip(counts, weights, strict=True)} == pytest.approx(
        drawn
    )


def test_six_observations_have_462_resamples():
    assert len(enumerate_counts(6)[0]) == 462


def test_draws_refuse_what_cannot_be_drawn(rng):
    for call in (
        lambda: draw_counts(0, 10, rng),
        lambda: draw_permutations(5, 0, rng),
        lambda: enumerate_counts(9),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()


# --- correlations in matrix form ------------------------------------------------------------


def test_matrix_agrees_with_pairs(data):
    x, y = data
    ours, expected = spearman_matrix(x, y), loop(x, y, np.arange(17))
    assert np.array_equal(np.isnan(ours), np.isnan(expected))
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_rows_agree_with_pairs(rng):
    x, y = rng.integers(0, 4, size=(2, 50, 6)).astype(float)
    expected = [rho_or_nan(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(spearman_rows(x, y), expected, atol=1e-12)


def test_replicates_agree_with_repeated_rows(data, rng):
    x, y = data
    counts = draw_counts(17, 200, rng)
    ours = spearman_replicates(x, y, counts)
    expected = np.array([loop(x, y, np.repeat(np.arange(17), c)) for c in counts])
    assert np.array_equal(np.isnan(ours), np.isnan(expected))
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_replicates_stay_exact_where_single_precision_ends(rng):
    x, y = rng.normal(size=(2, 300, 1))
    counts = draw_counts(300, 5, rng)
    expected = [loop(x, y, np.repeat(np.arange(300), c)) for c in counts]
    np.testing.assert_allclose(spearman_replicates(x, y, counts), expected, atol=1e-12)


def test_the_jackknife_leaves_one_out(data):
    x, y = data
    ours = spearman_replicates(x, y, Drawn.leaving_one_out(17))
    expected = [loop(x, y, np.delete(np.arange(17), i)) for i in range(17)]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_columns_that_are_not_finite_stay_alone():
    x = np.array([[1.0, np.nan], [2.0, 1.0], [3.0, 2.0], [4.0, np.inf]])
    ours = spearman_replicates(x, x[:, :1], np.ones((1, 4), dtype=np.int64))[0]
    assert ours[0, 0] == 1.0
    assert np.isnan(ours[1, 0])


def test_peaks_are_counted():
    replicates = np.array([[[0.1, np.nan], [-0.9, np.nan]], [[0.8, np.nan], [0.2, np.nan]]])
    shares = peak_distribution(replicates, np.array([3.0, 1.0]))
    np.testing.assert_allclose(shares, [[0.25, np.nan], [0.75, np.nan]])


@pytest.mark.parametrize("seed", range(8))
def test_of_tied_peaks_the_first_counts(seed):
    """Of five questions many correlations are equal, but for rounding and the sign."""
    drawn = np.random.default_rng(seed)
    x = drawn.permuted(np.tile(np.arange(5.0), (9, 1)), axis=1).T
    y = drawn.permuted(np.arange(5.0))[:, None]
    orders = draw_permutations(5, 9, drawn)
    exact = [round(10 * abs(scipy_stats.spearmanr(column, y[:, 0]).statistic)) for column in x.T]
    assert permute_spearman(x, y, orders).peak[0] == exact.index(max(exact))
    replicates = spearman_replicates(x, y, np.ones((1, 5), dtype=np.int64))
    assert peak_distribution(replicates)[:, 0].argmax() == exact.index(max(exact))


# --- intervals ------------------------------------------------------------------------------


def bca_by_hand(observed, replicates, jackknife, level=0.95):
    """Efron and Tibshirani (1993), equations 14.10 to 14.15, one statistic at a time."""
    norm = scipy_stats.norm
    below = (
        np.mean(replicates < observed - 1e-13)
        + np.mean(np.isclose(replicates, observed, rtol=1e-13, atol=1e-13)) / 2
    )
    z0, d = norm.ppf(below), jackknife.mean() - jackknife
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    z = z0 + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    return np.percentile(replicates, 100 * norm.cdf(z0 + z / (1 - a * z)))


def test_bca_and_percentile_by_hand_on_the_same_draws(data, rng):
    x, y = data
    counts = draw_counts(17, 400, rng)
    drawn = [np.repeat(np.arange(17), c) for c in counts]
    bca, percentile = (bootstrap_spearman(x, y, counts, method=m) for m in ("bca", "percentile"))
    for i, j in [(0, 0), (2, 0), (1, 1), (5, 1)]:
        replicates = np.array([rho_or_nan(x[s, i], y[s, j]) for s in drawn])
        left_out = [rho_or_nan(np.delete(x[:, i], k), np.delete(y[:, j], k)) for k in range(17)]
        rho = spearman(x[:, i], y[:, j]).value
        found = bca.interval(i, j)
        expected = bca_by_hand(rho, replicates, np.array(left_out))
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
        assert (found.method, found.n_resamples, found.note) == ("bca", 400, "")
        found = percentile.interval(i, j)
        expected = np.percentile(replicates, [2.5, 97.5])
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
        assert found.method == "percentile"
    assert bca.estimate(4, 0).reason is Reason.CONSTANT_INPUT
    assert bca.interval(4, 0) is Reason.CONSTANT_INPUT


def test_blocks_change_nothing(data, rng, monkeypatch):
    x, y = data
    counts = draw_counts(17, 100, rng)
    permutations = draw_permutations(17, 100, rng)
    whole, tests = bootstrap_spearman(x, y, counts), permute_spearman(x, y, permutations)
    monkeypatch.setattr("stats.resampling._BUDGET", 700)
    monkeypatch.setattr("stats.rankmatrix._CHUNK", 1000)
    monkeypatch.setattr("stats.permutation._CHUNK", 1000)
    blocks, some = bootstrap_spearman(x, y, counts), permute_spearman(x, y, permutations)
    np.testing.assert_array_equal(whole.low, blocks.low)
    np.testing.assert_array_equal(whole.method, blocks.method)
    np.testing.assert_array_equal(tests.p, some.p)
    np.testing.assert_allclose(tests.maxima, some.maxima, atol=1e-14)


def test_intervals_agree_with_r_within_monte_carlo_error(reference, rng):
    # The standard error of an end from B draws is sqrt(q (1 - q) / B) / density; with a
    # normal density of standard deviation s that is 2.67 s / sqrt(B). R drew 50,000 and we
    # draw 20,000, so 4 standard errors of the difference are 0.09 s. BCa gets twice that,
    # for z0 is estimated too, and R takes its acceleration from a regression.
    counts = draw_counts(30, 20_000, rng)
    for row in reference.r["bootstrap"]:
        x = reference.column(row["model"], "n_words")[:, None]
        y = reference.column(row["model"], row["axis"])[:, None]
        for method, theirs, factor in [("percentile", "percent", 1), ("bca", "bca", 2)]:
            found = bootstrap_spearman(x, y, counts, method=method)
            assert found.rho[0, 0] == pytest.approx(row["rho"], abs=1e-10)
            ends = found.low[0, 0], found.high[0, 0]
            assert ends == pytest.approx(row[theirs], abs=factor * 0.09 * row["se"])
        replicates = spearman_replicates(x, y, counts)
        assert replicates.std() == pytest.approx(row["se"], rel=0.04)


def test_exact_bootstrap_by_listing_all_samples():
    x, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([2.0, 1.0, 4.0, 3.0, 3.0])
    every = [rho_or_nan(x[list(s)], y[list(s)]) for s in product(range(5), repeat=5)]
    defined = np.sort([rho for rho in every if not np.isnan(rho)])
    expected = np.percentile(defined, [2.5, 97.5], method="inverted_cdf")
    found = exact_bootstrap_spearman(x, y)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
    assert found.method == "exact-bootstrap"
    assert found.n_resamples == 126
    assert found.undefined_share == pytest.approx(np.isnan(every).mean())


def test_exact_bootstrap_of_the_six_models_agrees_with_drawing(rng):
    entropy = np.array([0.173, 0.209, 0.247, 0.271, 0.289, 0.319])
    eff_dim = np.array([1.28, 2.41, 2.78, 1.85, 3.66, 1.91])
    found = exact_bootstrap_spearman(entropy, eff_dim)
    assert found.undefined_share == pytest.approx(6 / 6**6)
    counts, weights = enumerate_counts(6)
    exact = spearman_replicates(entropy[:, None], eff_dim[:, None], counts)[:, 0, 0]
    drawn = spearman_replicates(entropy[:, None], eff_dim[:, None], draw_counts(6, 40_000, rng))[
        :, 0, 0
    ]
    for cut in (-0.5, 0.0, 0.371, 0.8):
        share = weights @ (exact < cut)
        assert np.mean(drawn < cut) == pytest.approx(share, abs=4 * np.sqrt(0.25 / 40_000))


def test_the_mean_agrees_with_scipy(rng):
    values = rng.gamma(2.0, size=25)
    found = bootstrap_mean(values, draw_counts(25, 20_000, rng), method="bca")
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    tolerance = 0.15 * scipy_stats.sem(values)
    assert (found.low, found.high) == pytest.approx(tuple(theirs), abs=tolerance)
    assert found.method == "bca"


def test_bca_of_the_mean_by_hand_on_the_same_draws(rng):
    values = rng.normal(size=(12, 2)) + 100.0
    counts = draw_counts(12, 300, rng)
    for column, found in zip(values.T, bootstrap_means(values, counts, method="bca"), strict=True):
        replicates = np.array([np.repeat(column, c).mean() for c in counts])
        left_out = np.array([np.delete(column, i).mean() for i in range(12)])
        expected = bca_by_hand(column.mean(), replicates, left_out)
        assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-12)


def test_the_exact_mean_of_three():
    counts, weights = enumerate_counts(3)
    found = bootstrap_mean([0.0, 3.0, 9.0], counts, weights=weights, level=0.8)
    every = [np.mean(s) for s in product([0.0, 3.0, 9.0], repeat=3)]
    expected = np.percentile(every, [10, 90], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx(tuple(expected))


# --- declared fallbacks -----------------------------------------------------------------------


def test_bca_falls_back_to_percentile_and_says_so(rng):
    replicates = rng.normal(size=500)
    found = bootstrap_interval(0.0, replicates, np.full(10, 0.3))
    assert found.method == "percentile"
    assert "jackknife" in found.note
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(replicates, [2.5, 97.5])))
    assert bootstrap_interval(9.0, replicates, rng.normal(size=10)).method == "percentile"


def test_undefined_resamples_are_counted_and_too_many_end_the_bootstrap(rng):
    replicates = rng.normal(size=1000)
    replicates[:30] = np.nan
    found = bootstrap_interval(0.0, replicates, rng.normal(size=10))
    assert (found.method, found.undefined_share) == ("bca", 0.03)
    replicates[:60] = np.nan
    found = bootstrap_interval(0.0, replicates, rng.normal(size=10))
    assert found is Reason.UNDEFINED_RESAMPLES


def test_a_mostly_constant_axis_gets_the_closed_form(rng):
    x = rng.normal(size=(30, 1))
    y = np.zeros((30, 1))
    y[:2] = 1.0  # 13 % of the resamples are constant
    found = bootstrap_spearman(x, y, draw_counts(30, 2000, rng))
    interval = found.interval(0, 0)
    assert interval.method == "bonett-wright"
    assert interval.n_resamples is None
    assert interval.undefined_share == pytest.approx((28 / 30) ** 30, abs=0.03)
    assert "undefined" in interval.note
    expected = bonett_wright(float(found.rho[0, 0]), 30)
    assert (interval.low, interval.high) == (expected.low, expected.high)


def test_a_perfect_correlation_has_no_interval(rng):
    x = np.arange(12.0)[:, None]
    estimate = bootstrap_spearman(x, x, draw_counts(12, 200, rng)).estimate(0, 0)
    assert (estimate.value, estimate.interval) == (1.0, None)


def test_wrong_calls_are_refused(rng):
    counts = draw_counts(5, 10, rng)
    for call in (
        lambda: bootstrap_interval(0.0, [1.0, 2.0]),
        lambda: bootstrap_interval(np.nan, [1.0, 2.0], [1.0]),
        lambda: bootstrap_mean([1.0, 2.0], counts),
        lambda: bootstrap_spearman(np.ones((4, 1)), np.ones((4, 1)), counts),
        lambda: spearman_matrix(np.ones((4, 1)), np.ones((5, 1))),
        lambda: spearman_rows(np.ones((4, 2)), np.ones((4, 3))),
        lambda: permute_spearman(np.ones((4, 1)), np.ones((4, 1)), counts),
        lambda: exact_bootstrap_spearman(range(9), range(9)),
        lambda: family_maxt([]),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()


# --- permutation tests ----------------------------------------------------------------------


def test_permutation_p_by_a_plain_loop(data, rng):
    x, y = data
    orders = draw_permutations(17, 150, rng)
    found = permute_spearman(x, y, orders)
    observed = np.abs(loop(x, y, np.arange(17)))
    null = np.array(
        [[[abs(rho_or_nan(a, b[order])) for b in y.T] for a in x.T] for order in orders]
    )
    missing = np.isnan(observed)
    by_column = np.nanmax(np.where(np.isnan(null), 0, null), axis=1)
    overall = by_column.max(axis=1)

    def p(extreme):
        return np.where(missing, np.nan, (extreme.sum(axis=0) + 1) / 151)

    reached = observed - 1e-9
    np.testing.assert_allclose(found.p, p(null >= reached), atol=1e-12)
    expected = p(by_column[:, None, :] >= reached)
    np.testing.assert_allclose(found.p_maxt_within_column, expected, atol=1e-12)
    np.testing.assert_allclose(found.p_maxt, p(overall[:, None, None] >= reached), atol=1e-12)
    np.testing.assert_allclose(found.maxima, overall, atol=1e-12)
    assert found.peak.tolist() == [2, int(np.nanargmax(observed[:, 1])), -1]
    np.testing.assert_allclose(found.p_peak[:2], np.nanmin(expected[:, :2], axis=0))


def test_a_permutation_test_as_an_outcome(data, rng):
    x, y = data
    found = permute_spearman(x, y, draw_permutations(17, 99, rng))
    outcome = found.outcome(2, 0)
    assert outcome.p_floor == 0.01
    assert outcome.n_resamples == 99
    assert outcome.statistic == spearman(x[:, 2], y[:, 0]).value
    assert not outcome.exact
    assert found.outcome(4, 0).reason is Reason.CONSTANT_INPUT
    assert found.peak_outcome(0).p == found.p_peak[0]
    assert found.peak_outcome(2).reason is Reason.CONSTANT_INPUT
    assert np.isnan(found.p_peak[2])


def test_permutation_p_approaches_the_exact_p(rng):
    x, y = np.array([1.0, 2, 2, 4, 5, 7]), np.array([2.0, 1, 5, 3, 5, 6])
    exact = spearman_exact(x, y).p
    found = permute_spearman(x[:, None], y[:, None], draw_permutations(6, 20_000, rng)).p[0, 0]
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


def test_permutation_p_agrees_with_scipy(rng):
    x, y = rng.normal(size=(2, 30)).round(1)
    y += x / 3
    found = permute_spearman(x[:, None], y[:, None], draw_permutations(30, 20_000, rng)).p[0, 0]
    theirs = scipy_stats.permutation_test(
        (x,),
        lambda a: scipy_stats.spearmanr(a, y).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=np.random.default_rng(3),
    ).pvalue
    assert found == pytest.approx(theirs, abs=4 * np.sqrt(theirs / 2000))


def test_maxt_of_one_test_is_its_p(rng):
    x, y = rng.normal(size=(2, 20, 1))
    found = permute_spearman(x, y, draw_permutations(20, 500, rng))
    assert found.p[0, 0] == found.p_maxt[0, 0] == found.p_maxt_within_column[0, 0]


def test_maxt_of_copies_is_no_dearer_than_one_test(rng):
    x, y = rng.normal(size=(2, 20, 1))
    orders = draw_permutations(20, 500, rng)
    copies = permute_spearman(np.tile(x, 8), y, orders)
    np.testing.assert_allclose(copies.p_maxt, permute_spearman(x, y, orders).p[0, 0])


def test_a_family_over_models_is_one_search(rng):
    sizes = [(20, 3, 2), (18, 1, 4)]
    parts = [
        permute_spearman(
            rng.normal(size=(n, p)), rng.normal(size=(n, q)), draw_permutations(n, 300, rng)
        )
        for n, p, q in sizes
    ]
    maxima = np.maximum(parts[0].maxima, parts[1].maxima)
    for part, p in zip(parts, family_maxt(parts), strict=True):
        reached = maxima[:, None, None] >= np.abs(part.rho) - 1e-10
        np.testing.assert_allclose(p, (reached.sum(axis=0) + 1) / 301)
        assert (p >= part.p_maxt).all()
    (alone,) = family_maxt(parts[:1])
    np.testing.assert_array_equal(alone, parts[0].p_maxt)


def test_a_peak_of_published_size_is_no_evidence_after_the_search(rng):
    # 29 layers that are correlated with their neighbours, none with the axis.
    layers = np.cumsum(rng.normal(size=(30, 29)), axis=1)
    axis = rng.normal(size=(30, 1))
    found = permute_spearman(layers, axis, draw_permutations(30, 2000, rng))
    reaching = (found.maxima >= 0.38).mean()
    assert reaching > 0.05


def test_known_replicates_are_not_made_again():
    rng = np.random.default_rng(3)
    x, y, counts = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), draw_counts(20, 199, rng)
    made = bootstrap_spearman(x, y, counts)
    known = bootstrap_spearman(x, y, counts, replicates=spearman_replicates(x, y, counts))
    for one, other in zip(vars(made).values(), vars(known).values(), strict=True):
        assert np.array_equal(one, other)
    other = bootstrap_spearman(x, y, counts, replicates=np.zeros((199, 3, 2)))
    assert not np.array_equal(other.low, made.low)
