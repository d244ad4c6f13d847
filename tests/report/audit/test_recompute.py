"""The second paths against the first ones, on data that no shipped study holds."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from report.audit.recompute import correlations, layered, reading, run, samples, signatures
from report.audit.recompute.recipes import Recipe
from stats import comparison, correlation, dimension, means, meta, power, profiles, resampling

LEVEL = 0.95


def rng(seed=5):
    return np.random.default_rng(seed)


def agrees(found, estimate=None, outcome=None, rel=1e-9):
    """Compare what a second path found with an estimate and an outcome of the first."""
    if estimate is not None:
        assert found["estimate"] == pytest.approx(estimate.value, rel=rel)
        if estimate.interval is not None:
            assert found["ci_low"] == pytest.approx(estimate.interval.low, rel=rel)
            assert found["ci_high"] == pytest.approx(estimate.interval.high, rel=rel)
    if outcome is not None:
        assert found["statistic"] == pytest.approx(outcome.statistic, rel=rel)
        assert found["p"] == pytest.approx(outcome.p, rel=rel)


integers = st.integers(-4, 4).map(float)


@given(st.lists(st.tuples(integers, integers), min_size=6, max_size=14))
def test_paired_ranks_with_ties_and_zeros(pairs):
    x, y = np.array(pairs).T
    if not (x - y).any():
        return
    agrees(samples.signed_rank(x, y), outcome=comparison.wilcoxon_signed_rank(x, y))
    agrees(samples.rank_biserial_paired(x, y), comparison.rank_biserial_paired(x, y))
    first = comparison.hodges_lehmann_paired(x, y, LEVEL)
    if first.interval is not None:
        agrees(samples.hodges_lehmann(x, y, LEVEL), first)


@given(st.lists(integers, min_size=4, max_size=9), st.lists(integers, min_size=4, max_size=9))
def test_unpaired_ranks_with_ties(x, y):
    if len({*x, *y}) < 2:
        return
    a, b = np.array(x), np.array(y)
    agrees(samples.rank_sum(a, b), outcome=comparison.mann_whitney(a, b))
    agrees(samples.rank_biserial(a, b), comparison.rank_biserial(a, b))
    first = comparison.hodges_lehmann_shift(a, b, LEVEL)
    if first.interval is not None:
        agrees(samples.shift(a, b, LEVEL), first)


def test_rounding_errors_break_no_tie_in_either_path():
    noise = 1.0 + 1e-15 * rng().integers(-3, 4, size=(3, 9))
    x, y, z = np.array([[1, 1, 2, 3, 3, 4, 5, 5, 6], [2, 7, 2, 1, 3, 3, 9, 8, 8], [4, 1, 1] * 3])
    x, y, z = (values / 7.0 * factor for values, factor in zip((x, y, z), noise, strict=True))
    agrees(correlations.spearman(x, y), correlation.spearman(x, y))
    agrees(correlations.exact_test(x[:7], y[:7]), outcome=correlation.spearman_exact(x[:7], y[:7]))
    agrees(correlations.kendall(x, y), outcome=correlation.kendall(x, y))
    agrees(samples.rank_sum(x, y), outcome=comparison.mann_whitney(x, y))
    agrees(samples.friedman(x, y, z), *comparison.friedman(np.c_[x, y, z]))
    agrees(samples.page(x, y, z), outcome=comparison.page_trend(np.c_[x, y, z]))
    found = signatures.correlations(np.c_[x, y], [z])
    np.testing.assert_allclose(found, resampling.spearman_matrix(np.c_[x, y], np.c_[z]))


def test_a_p_that_no_float_holds_is_the_smallest_of_them():
    case = reading.Case("a.b", "b", (), False, 9, LEVEL, 0.05, 1, "m", 99, 0.8, 0.5, 5)
    how = Recipe(case, (lambda case, found: {"p": 0.0, "p_floor": 5e-324, "estimate": 0.0},))
    assert run(how) == {"p": sys.float_info.min, "p_floor": sys.float_info.min, "estimate": 0.0}


def test_large_samples_take_the_normal_approximations():
    x, y = rng().standard_normal((2, 210)).round(2)
    agrees(samples.signed_rank(x, y), outcome=comparison.wilcoxon_signed_rank(x, y))
    for level in (0.9, LEVEL):
        agrees(samples.hodges_lehmann(x, y, level), comparison.hodges_lehmann_paired(x, y, level))
        agrees(samples.shift(x, y[:40], level), comparison.hodges_lehmann_shift(x, y[:40], level))
    agrees(samples.rank_sum(x, y), outcome=comparison.mann_whitney(x, y))


@pytest.mark.parametrize(("n", "tied"), [(6, False), (7, True), (20, False), (20, True)])
def test_kendall_in_each_of_its_ways(n, tied):
    x, y = rng(n).standard_normal((2, n))
    x = x.round() if tied else x
    agrees(correlations.kendall(x, y), outcome=correlation.kendall(x, y))


@pytest.mark.parametrize(("q", "k", "tied"), [(30, 6, False), (10, 4, False), (20, 3, True)])
def test_page_in_each_of_its_ways(q, k, tied):
    table = rng(q).standard_normal((q, k)) + np.arange(k) / 3
    table = table.round() if tied else table
    agrees(samples.page(*table.T), outcome=comparison.page_trend(table))


def test_friedman_with_ties():
    table = rng().integers(0, 4, (12, 4)).astype(float)
    estimate, outcome = comparison.friedman(table)
    agrees(samples.friedman(*table.T), estimate, outcome)


def test_exact_and_random_permutations():
    x, y = rng().integers(0, 5, (2, 7)).astype(float)
    agrees(correlations.exact_test(x, y), outcome=correlation.spearman_exact(x, y))
    x, y = rng().integers(0, 9, (2, 25)).astype(float)
    orders = reading.shuffles(3, "a", 25, 500)
    first = resampling.permute_spearman(x[:, None], y[:, None], orders)
    agrees(correlations.permutation_test(x, y, orders), outcome=first.outcome(0, 0))


@pytest.mark.parametrize("x", [[1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 2, 4]])
def test_partial_correlation_of_four_questions_that_is_perfect_or_has_no_interval(x):
    y, z = np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])
    x = np.array(x, dtype=float)
    first = correlation.partial_spearman(x, y, z, LEVEL)
    assert first[0].interval is None
    agrees(correlations.partial(x, y, z, LEVEL), *first)


def test_partial_correlation_and_t():
    x, y, z = rng().standard_normal((3, 25)).round(1)
    agrees(correlations.partial(x, y, z, LEVEL), *correlation.partial_spearman(x, y, z, LEVEL))
    for r in (0.3, -0.9999, 1.0):
        assert correlations.t_test(r, 6)["p"] == pytest.approx(correlation.spearman_t(r, 6).p)


@pytest.mark.parametrize(("r", "n"), [(0.37, 6), (-0.7, 12), (0.1, 40)])
def test_bayes_factor_by_integration(r, n):
    agrees(correlations.bayes_factor(r, n), correlation.bayes_factor(r, n), rel=1e-7)


@pytest.mark.parametrize("want", ["pooled", "prediction", "tau2", "i2"])
@pytest.mark.parametrize("spread", [0.05, 0.6])
def test_pooling_by_numerical_maximisation(want, spread):
    r = np.tanh(rng(2).normal(0.3, spread, 6))
    n = np.array([30.0, 25, 30, 40, 12, 30])
    first = meta.pool_correlations(r, n)
    found = correlations.pooled(r, n, LEVEL, want)
    if want == "pooled":
        agrees(found, first.r, first.outcome)
    elif want == "prediction":
        assert found["ci_low"] == pytest.approx(first.prediction.low, rel=1e-9)
    else:
        value = first.tau2 if want == "tau2" else first.i2 / 100
        assert found["estimate"] == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-0.95, 0.95), st.integers(4, 40)), min_size=2, max_size=9))
def test_pooling_is_as_sharp_as_verify_asks(pairs):
    r, n = np.array(pairs).T
    first = meta.pool_correlations(r, n)
    again = correlations.pooled(r, n, LEVEL, "tau2")["estimate"]
    assert again == pytest.approx(first.tau2, rel=1e-7, abs=1e-9)


def test_pooling_of_equal_correlations_has_no_interval():
    r, n = np.array([0.4, 0.4]), np.array([8.0, 8.0])
    assert meta.pool_correlations(r, n).r.interval is None
    for want in ("pooled", "prediction"):
        assert correlations.pooled(r, n, LEVEL, want).keys().isdisjoint({"p", "ci_low", "ci_high"})


def test_power_by_simulation():
    assert correlations.power_at(0.999, 12, 0.05)["estimate"] == 1.0  # perfect samples among them
    assert correlations.power_at(-0.6, 12, 0.05)["estimate"] == pytest.approx(
        power.spearman_power(0.6, 12), abs=0.025
    )
    assert correlations.required(0.9, 0.8, 0.05)["estimate"] == pytest.approx(
        power.required_n(0.9, 0.8), abs=1
    )


def test_resampling_with_the_same_draws():
    values = rng().gamma(2, 1, 20)
    indices = reading.resamples(7, "m", 20, 999)
    counts = np.array([np.bincount(row, minlength=20) for row in indices])
    first = means.bootstrap_mean(values, counts)
    found = layered.studentised(values, indices, LEVEL)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((first.low, first.high))
    first = means.bootstrap_mean(values, counts, method="bca")
    found = layered.bca(samples.mean, [values], indices, LEVEL)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((first.low, first.high))
    assert abs(found["ci_low"] - stats.bootstrap(
        (values,), np.mean, n_resamples=999, rng=rng()
    ).confidence_interval.low) < 0.15  # fmt: skip
    points = rng().standard_normal((20, 4))
    ratio = dimension.resampled_participation_ratio(points, counts)
    assert samples.participation(points[indices]) == pytest.approx(ratio)
    assert samples.effective_dimension(*points.T)["estimate"] == pytest.approx(
        dimension.participation_ratio(points).value
    )


@pytest.mark.parametrize("n", [8, 1_000])
def test_draws_are_those_of_the_plan(n):
    from report.experiments.base import Draws
    from report.study.settings import Plan
    from stats.draws import blocks

    draws = Draws(Plan(seed=11, n_resamples=99))
    drawn = reading.resamples(11, "model", n, 99)
    counts = np.array([np.bincount(row, minlength=n) for row in drawn])
    assert (counts == np.concatenate([*blocks(draws.counts("model", n))])).all()
    orders = np.concatenate([*blocks(draws.permutations("model", n))])
    assert (reading.shuffles(11, "model", n, 99) == orders).all()


def test_exact_bootstrap_by_listing_resamples():
    x, y = rng().standard_normal((2, 6))
    first = resampling.exact_bootstrap_spearman(x, y)
    found = layered.exact_bootstrap(x, y, LEVEL)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((first.low, first.high))


def test_signatures_and_their_peaks():
    x, y = rng().standard_normal((15, 6)), rng(6).standard_normal((15, 3))
    x[:, 0] = 1.0  # embeddings may be constant
    orders = reading.shuffles(1, "s", 15, 300)
    first = resampling.permute_spearman(x, y, orders)
    for j in range(3):
        found = signatures.peak(x, y[:, j], orders=orders)
        assert found["layer"] == first.peak[j]
        agrees(found, outcome=first.peak_outcome(j))
    one, other = (x, *y.T), (x[:, :4] + 0.1, *y.T)
    agrees(signatures.similarity(one, other, orders, 4),
           *profiles.signature_similarity(x, y, other[0], y, orders, orders, 4))  # fmt: skip


@pytest.mark.parametrize("spoil", ["missing", "tied"])
def test_a_layer_that_lacks_a_question_or_is_constant_is_no_peak_in_a_resample(spoil):
    x, y = rng().standard_normal((6, 4)), rng(6).standard_normal((6, 1))
    if spoil == "missing":
        x[2, 1] = np.nan
    else:  # in many resamples all layers are constant, or are but for a correlation of 0
        x, y = np.repeat([[0.0] * 4, [1.0] * 4], 3, axis=0), np.array([[0.0, 1, 1, 0, 1, 2]]).T
        x[4] = [0, 1, 1, 0]
    indices = reading.resamples(3, "m", 6, 500)
    counts = np.array([np.bincount(row, minlength=6) for row in indices])
    shares = resampling.peak_distribution(resampling.spearman_replicates(x, y, counts))
    found = signatures.peak_layers(x, y[:, 0], indices)
    again = [float((found[np.isfinite(found)] == layer).mean()) for layer in range(4)]
    assert again == pytest.approx(shares[:, 0].tolist())


def test_a_layer_that_lacks_a_question_is_left_out_of_its_bin():
    x, y = rng().standard_normal((15, 6)), rng(6).standard_normal((15, 3))
    gone = x.copy()
    gone[4, 1] = np.nan
    orders = reading.shuffles(1, "s", 15, 300)
    other = x + y[:, :1]
    first = profiles.signature_similarity(gone, y, other, y, orders, orders, 3)
    assert first[0].n == 9
    agrees(signatures.similarity((gone, *y.T), (other, *y.T), orders, 3), *first)


def test_classification_leaves_out_what_a_model_lacks():
    curves = rng().standard_normal((3, 8, 5)) + np.arange(3)[:, None, None]
    whole = layered.classification(*curves[:, 1:, :4], seed=4, name="n", size=19, level=LEVEL)
    curves[0, 0, 2] = curves[1, :, 4] = np.nan  # a question, and a layer
    found = layered.classification(*curves, seed=4, name="n", size=19, level=LEVEL)
    assert whole["n"] == 3 * 7
    assert found == whole


def test_classification_with_the_same_shuffles():
    from report.study.settings import rng_for

    curves = rng().standard_normal((3, 8, 5)) + np.arange(3)[:, None, None]
    first = profiles.nearest_profile(curves, rng_for(4, "name"), 199)
    found = layered.classification(*curves, seed=4, name="name", size=199, level=LEVEL)
    agrees(found, first.accuracy, first.outcome)


def test_combining_over_models():
    values, p = np.array([0.2, -0.1, 0.4]), np.array([0.03, 0.5, 0.001])
    signs = [1, -1, 1]
    agrees(samples.stouffer(values, p), outcome=comparison.stouffer(p.tolist(), signs))
    agrees(samples.sign_test(values), outcome=comparison.sign_agreement(signs))
    assert comparison.sign_agreement([0, 0]).p is None
    assert samples.sign_test(np.zeros(2)) == {}


def test_reading_matches_questions_by_their_text(tmp_path):
    (tmp_path / "a.csv").write_text(
        "model,text,number,v\nm,one,1,1.5\nm,two,2,\nk,two,1,2\nk,one,2,3\n", encoding="utf-8"
    )
    x, y = reading.aligned("a.csv?model=m#v", "a.csv?model=k#v", root=str(tmp_path))
    assert x.tolist() == [1.5]
    assert y.tolist() == [3.0]
    assert reading.read("a.csv?model%21=m#v", str(tmp_path)) == {
        ("two", "k"): 2.0, ("one", "k"): 3.0
    }  # fmt: skip
    assert math.isnan(reading.complete("a.csv?model=m#v", root=str(tmp_path))[0][1])
