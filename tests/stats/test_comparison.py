"""Comparisons from summaries and over conditions: against R, scipy, and formulas."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from stats.comparison import (
    friedman,
    mean_t_interval,
    page_trend,
    sign_agreement,
    stouffer,
    welch_from_summary,
)
from stats.outcome import Reason


@pytest.fixture
def reference(root):
    return json.loads((root / "tests" / "reference" / "synthetic_r.json").read_text())


@pytest.fixture
def inputs(root):
    return json.loads((root / "tests" / "reference" / "synthetic_inputs.json").read_text())


def test_t_interval_by_scipy():
    values = np.random.default_rng(1).normal(size=13)
    found = mean_t_interval(values.mean(), values.std(ddof=1), 13, level=0.9)
    expected = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (found.level, found.method) == (0.9, "t")


def test_t_interval_where_there_is_none():
    assert mean_t_interval(1.0, 0.5, 1) is Reason.TOO_FEW
    assert mean_t_interval(1.0, 0.0, 30) is Reason.NO_SPREAD
    assert mean_t_interval(float("nan"), 0.5, 30) is Reason.NON_FINITE
    assert mean_t_interval(1.0, float("inf"), 30) is Reason.NON_FINITE
    with pytest.raises(ValueError, match="standard deviation"):
        mean_t_interval(1.0, -0.5, 30)


def test_welch_as_r(reference):
    estimate, outcome = welch_from_summary(0.173, 0.045, 30, 0.319, 0.057, 30)
    assert outcome.statistic == pytest.approx(reference["welch_from_summary"]["t"], abs=1e-10)
    assert estimate.value == pytest.approx(-0.146)


def test_welch_by_scipy_from_the_data():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=11), rng.normal(0.5, 3.0, size=24)
    estimate, outcome = welch_from_summary(
        x.mean(), x.std(ddof=1), 11, y.mean(), y.std(ddof=1), 24, level=0.99
    )
    expected = scipy.stats.ttest_ind(x, y, equal_var=False)
    interval = expected.confidence_interval(0.99)
    assert outcome.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert outcome.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert estimate.interval.low == pytest.approx(interval.low, abs=1e-12)
    assert estimate.interval.high == pytest.approx(interval.high, abs=1e-12)
    assert (estimate.n, outcome.n) == (35, 35)


def test_welch_without_a_test():
    estimate, outcome = welch_from_summary(1.0, 0.1, 1, 2.0, 0.1, 30)
    assert (estimate.value, estimate.interval) == (-1.0, None)
    assert outcome.reason is Reason.TOO_FEW
    estimate, outcome = welch_from_summary(1.0, 0.0, 30, 2.0, 0.0, 30)
    assert (estimate.value, estimate.interval) == (-1.0, None)
    assert outcome.reason is Reason.CONSTANT_INPUT
    estimate, outcome = welch_from_summary(float("nan"), 0.1, 30, 2.0, 0.1, 30)
    assert estimate.reason is outcome.reason is Reason.NON_FINITE
    with pytest.raises(ValueError, match="negative"):
        welch_from_summary(1.0, -0.1, 30, 2.0, 0.1, 30)


def test_p_never_reaches_zero():
    _, outcome = welch_from_summary(0.0, 1e-200, 200, 1.0, 1e-200, 200)
    assert 0.0 < outcome.p < 1e-300


def test_friedman_as_r(reference, inputs):
    expected = reference["friedman"]
    table = np.array([inputs[m]["axes"][expected["axis"]] for m in expected["models"]]).T
    estimate, outcome = friedman(table)
    assert outcome.statistic == pytest.approx(expected["chi2"], abs=1e-10)
    assert outcome.p == pytest.approx(expected["p"], abs=1e-10)
    assert estimate.value == pytest.approx(expected["kendall_w"], abs=1e-10)


def test_friedman_by_the_formula_with_ties():
    table = np.random.default_rng(3).integers(0, 4, size=(12, 5)).astype(float)
    q, k = table.shape
    ranks = scipy.stats.rankdata(table, axis=1)
    ties = sum((t**3 - t) for row in table for t in np.unique(row, return_counts=True)[1])
    spread = ((ranks.sum(axis=0) - q * (k + 1) / 2) ** 2).sum()
    w = 12 * spread / (q**2 * (k**3 - k) - q * ties)
    estimate, outcome = friedman(table)
    assert estimate.value == pytest.approx(w, abs=1e-12)
    assert outcome.statistic == pytest.approx(q * (k - 1) * w, abs=1e-10)
    assert outcome.p_floor == pytest.approx(scipy.stats.chi2.sf(q * (k - 1), k - 1))


def test_perfect_agreement_reaches_the_floor():
    estimate, outcome = friedman(np.tile([1.0, 2.0, 3.0, 4.0], (6, 1)))
    assert estimate.value == pytest.approx(1.0)
    assert outcome.p == pytest.approx(outcome.p_floor)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (np.empty((0, 3)), Reason.TOO_FEW),
        (np.arange(3.0)[None, :], Reason.TOO_FEW),
        (np.ones((5, 3)), Reason.ALL_TIED),
        (np.arange(5.0)[:, None] * np.ones(3), Reason.ALL_TIED),
        ([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]], Reason.NON_FINITE),
        ([[1.0, 2.0, np.inf], [1.0, 2.0, 3.0]], Reason.NON_FINITE),
    ],
)
def test_tables_that_cannot_be_ranked(table, reason):
    estimate, outcome = friedman(table)
    assert estimate.reason is outcome.reason is reason
    assert page_trend(table).reason is reason


def test_tables_with_two_conditions_are_refused():
    for function in (friedman, page_trend):
        with pytest.raises(ValueError, match="k ≥ 3"):
            function(np.ones((5, 2)))


def test_page_by_enumeration():
    table = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    weights = np.array([1, 2, 3])
    orders = list(itertools.permutations(weights))
    null = np.array([sum(np.dot(weights, o) for o in rows) for rows in
                     itertools.product(orders, repeat=4)])  # fmt: skip
    observed = (scipy.stats.rankdata(table, axis=1) @ weights).sum()
    rising, falling = (null >= observed).mean(), (null <= observed).mean()
    assert page_trend(table).statistic == observed
    assert page_trend(table).exact
    assert page_trend(table).p == pytest.approx(2 * min(rising, falling), abs=1e-12)
    assert page_trend(table, "greater").p == pytest.approx(rising, abs=1e-12)
    assert page_trend(table, "less").p == pytest.approx(falling, abs=1e-12)


# Tables with ties, and the upper tail by enumeration of all orders within rows.
PAGE_WITH_TIES = [
    ([[1, 1, 1], [1, 2, 3], [1, 1, 1]], 38.0, 1 / 6),
    ([[3, 3, 1], [3, 2, 2], [2, 1, 3], [1, 1, 2]], 47.5, 0.6111111111111112),
    (
        [[2, 2, 1, 1], [1, 1, 1, 3], [1, 2, 3, 1], [1, 2, 1, 3], [1, 3, 3, 3], [1, 2, 2, 2]],
        158.5,
        0.08906611689814815,
    ),
    (
        [[3, 1, 2, 1, 1], [3, 1, 1, 1, 1], [1, 3, 2, 2, 1], [3, 3, 1, 1, 1], [1, 3, 2, 2, 1]],
        203.5,
        0.9880044444444445,
    ),
]


@pytest.mark.parametrize(("table", "statistic", "upper"), PAGE_WITH_TIES)
def test_page_with_ties_is_exact(table, statistic, upper):
    found = page_trend(table, "greater")
    assert found.exact
    assert found.statistic == statistic
    assert found.p == pytest.approx(upper, abs=1e-12)


def test_the_two_sided_page_test_doubles_the_smaller_tail():
    found = page_trend([[1, 1, 1], [1, 2, 3], [1, 1, 1]])
    assert found.p == pytest.approx(1 / 3)
    assert found.p_floor == pytest.approx(1 / 3)


def test_page_is_exact_for_six_conditions_and_thirty_questions():
    rng = np.random.default_rng(11)
    table = rng.normal(size=(30, 6)) + 0.05 * np.arange(6)
    ranks = np.argsort(np.argsort(table, axis=1), axis=1) + 1
    observed = (ranks @ np.arange(1, 7)).sum()
    drawn = rng.permuted(np.tile(np.arange(1, 7), (40_000, 30, 1)), axis=2) @ np.arange(1, 7)
    share = (drawn.sum(axis=1) >= observed).mean()
    found = page_trend(table, "greater")
    assert found.exact
    assert found.p == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 40_000))


def test_page_of_a_large_table_by_its_normal_approximation():
    table = np.random.default_rng(4).normal(size=(30, 12)) + 0.05 * np.arange(12)
    ranks = scipy.stats.rankdata(table, axis=1)
    statistic = (ranks @ np.arange(1, 13)).sum()
    mean, variance = 30 * 12 * 13**2 / 4, 30 * 12**2 * 13**2 * 11 / 144
    z = (statistic - mean) / np.sqrt(variance)
    found = page_trend(table)
    assert found.statistic == pytest.approx(statistic)
    assert not found.exact
    assert found.p == pytest.approx(2 * scipy.stats.norm.sf(abs(z)), rel=1e-9)
    mirrored = page_trend(table[:, ::-1])
    assert mirrored.p == pytest.approx(found.p, rel=1e-9)


def test_stouffer_by_scipy():
    p, signs, weights = [0.01, 0.2, 0.6, 1.0], [1, 1, -1, 1], [2.0, 1.0, 3.0, 1.5]
    one_sided = [v / 2 if s > 0 else 1 - v / 2 for v, s in zip(p, signs, strict=True)]
    expected = scipy.stats.combine_pvalues(one_sided, "stouffer", weights)
    found = stouffer(p, signs, weights)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    both = 2 * min(expected.pvalue, 1 - expected.pvalue)
    assert found.p == pytest.approx(both, abs=1e-12)
    equal = scipy.stats.combine_pvalues(one_sided, "stouffer")
    assert stouffer(p, signs).statistic == pytest.approx(equal.statistic, abs=1e-12)


@given(st.lists(st.floats(1e-12, 1.0), min_size=2, max_size=6), st.data())
def test_stouffer_flips_with_the_signs(p, data):
    sign = st.sampled_from((-1, 1))
    signs = data.draw(st.lists(sign, min_size=len(p), max_size=len(p)))
    found, flipped = stouffer(p, signs), stouffer(p, [-s for s in signs])
    assert flipped.p == pytest.approx(found.p)
    assert flipped.statistic == pytest.approx(-found.statistic)


def test_stouffer_limits():
    assert stouffer([0.01], [1]).reason is Reason.TOO_FEW
    assert stouffer([], []).reason is Reason.TOO_FEW
    assert 0.0 < stouffer([1e-300] * 50, [1] * 50).p < 1e-300
    for p, signs, weights in (
        ([0.0, 0.1], [1, 1], None),
        ([0.5, float("nan")], [1, 1], None),
        ([0.5, 0.1], [1, 2], None),
        ([0.5, 0.1], [1], None),
        ([0.5, 0.1], [1, 1], [1.0, 0.0]),
    ):
        with pytest.raises(ValueError, match=r"p-values|signs"):
            stouffer(p, signs, weights)


@pytest.mark.parametrize("signs", [[1] * 6, [1, 1, 1, -1, 1, 0], [-1, 1], [1], [-1] * 40])
def test_sign_agreement_by_scipy(signs):
    positive, n = signs.count(1), len(signs) - signs.count(0)
    found = sign_agreement(signs)
    assert found.p == pytest.approx(scipy.stats.binomtest(positive, n).pvalue, abs=1e-12)
    assert (found.statistic, found.n) == (positive, n)
    assert found.p_floor == 2.0 ** (1 - n)
    assert found.exact


def test_sign_agreement_without_signs():
    assert sign_agreement([]).reason is Reason.TOO_FEW
    assert sign_agreement([0, 0]).reason is Reason.ALL_TIED
