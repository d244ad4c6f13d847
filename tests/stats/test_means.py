"""Intervals of means: by hand, by another library, and where resamples have no spread."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stats.means import bootstrap_mean, bootstrap_means
from stats.outcome import Reason
from stats.resampling import draw_counts


@pytest.fixture
def rng():
    return np.random.default_rng(20260211)


SKEWED = [0.11, 0.35, 0.48, 0.62, 0.9, 1.13, 1.4, 1.71, 2.2, 2.95, 4.1, 6.3]


def test_the_mean_by_hand_on_the_same_draws(rng):
    values = rng.gamma(2.0, size=(12, 2)) + 100.0
    counts = draw_counts(12, 300, rng)
    for column, found in zip(values.T, bootstrap_means(values, counts), strict=True):
        samples = [np.repeat(column, c) for c in counts]
        t = [(s.mean() - column.mean()) / scipy_stats.sem(s) for s in samples]
        high, low = np.quantile(t, [0.025, 0.975])
        expected = column.mean() - np.array([low, high]) * scipy_stats.sem(column)
        assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-12)
        assert (found.method, found.n_resamples, found.note) == ("studentised", 300, "")


def test_the_mean_agrees_with_arch():
    # arch 7.2, IIDBootstrap(...).conf_int(method="studentized", std_err_func=...), 200,000 draws
    found = bootstrap_mean(SKEWED, draw_counts(12, 40_000, np.random.default_rng(2)))
    assert found.low == pytest.approx(0.96427669, abs=0.02)
    assert found.high == pytest.approx(3.93305645, abs=0.12)  # two Monte-Carlo errors


def test_a_skewed_sample_has_a_longer_upper_arm(rng):
    counts = draw_counts(12, 2_000, rng)
    found, mirrored = (bootstrap_mean(sign * np.array(SKEWED), counts) for sign in (1, -1))
    mean = float(np.mean(SKEWED))
    assert found.high - mean > 1.5 * (mean - found.low)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize(
    ("factor", "shift"), [(1e-150, 0.0), (1e120, 0.0), (1.0, 1e6), (-3.0, 2.0)]
)
def test_units_do_not_matter(rng, factor, shift):
    counts = draw_counts(12, 500, rng)
    plain = bootstrap_mean(SKEWED, counts)
    moved = bootstrap_mean(factor * np.array(SKEWED) + shift, counts)
    ends = sorted((factor * plain.low + shift, factor * plain.high + shift))
    assert (moved.low, moved.high) == pytest.approx(tuple(ends), rel=1e-8)


def student(values, level=0.95):
    return scipy_stats.t.interval(
        level, len(values) - 1, loc=np.mean(values), scale=scipy_stats.sem(values)
    )


def test_resamples_without_spread_leave_the_end_to_student(rng):
    values = [0.0] * 28 + [1.0, 1.0]  # every eighth resample holds zeros alone
    found = bootstrap_mean(values, draw_counts(30, 2_000, rng))
    assert found.method == "t"
    assert found.n_resamples is None
    assert "no spread" in found.note
    assert found.undefined_share == pytest.approx((28 / 30) ** 30, abs=0.03)
    assert (found.low, found.high) == pytest.approx(student(values))


def test_an_end_far_beyond_the_sample_is_left_to_student(rng):
    values = [*rng.normal(1.0, 0.001, size=29), 100.0]  # a third of the resamples lack the last
    found = bootstrap_mean(values, draw_counts(30, 2_000, rng))
    assert (found.method, found.undefined_share) == ("t", 0.0)
    assert (found.low, found.high) == pytest.approx(student(values))


def test_a_few_resamples_without_spread_do_no_harm(rng):
    values = [0.0] * 8 + [1.0] * 4
    counts = draw_counts(12, 2_000, rng)
    counts[:3] = [12, *[0] * 11]
    found = bootstrap_mean(values, counts)
    assert found.method == "studentised"
    assert 0.0 < found.undefined_share < 0.025
    assert found.low < 1 / 3 < found.high


def test_a_resample_at_the_mean_without_spread_lies_in_the_middle():
    values, counts = [-1.0, 0.0, 1.0], np.array([[0, 3, 0], [1, 1, 1], [2, 0, 1], [1, 0, 2]])
    found = bootstrap_mean(values, counts, level=0.5)
    t = [0.0, 0.0, -1 / 3 / np.sqrt(8 / 9), 1 / 3 / np.sqrt(8 / 9)]
    high, low = np.quantile(t, [0.25, 0.75]) * np.sqrt(2 / 3)
    assert (found.low, found.high) == pytest.approx((-low, -high))
    assert found.undefined_share == 0.25


def test_two_values_have_student_s_interval(rng):
    found = bootstrap_mean([1.0, 2.0], draw_counts(2, 500, rng))
    assert found.method == "t"
    assert (found.low, found.high) == pytest.approx(student([1.0, 2.0]))


def test_columns_that_have_none(rng):
    table = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, 1.0], [4.0, 5.0, 2.0]])
    first, *others = bootstrap_means(table, draw_counts(3, 200, rng))
    assert first.low < table[:, 0].mean() < first.high
    assert others == [Reason.NO_SPREAD, Reason.NON_FINITE]


def test_a_method_that_is_none(rng):
    with pytest.raises(ValueError, match="method"):
        bootstrap_mean(SKEWED, draw_counts(12, 20, rng), method="percentile")


@pytest.mark.parametrize(
    ("draw", "mean"),
    [(lambda r: r.standard_normal(8), 0.0), (lambda r: r.exponential(size=8), 1.0)],
)
def test_it_covers_where_bca_does_not(draw, mean):
    r = np.random.default_rng(11)
    covered = {"studentised": 0, "bca": 0}
    for _ in range(40):
        counts = draw_counts(8, 599, r)
        table = np.column_stack([draw(r) for _ in range(20)])
        for method in covered:
            found = bootstrap_means(table, counts, method=method)
            covered[method] += sum(i.low <= mean <= i.high for i in found)
    assert covered["studentised"] / 800 > 0.91 > covered["bca"] / 800
