"""Sets in which quantities lie where probability mass is missing, and their intervals."""

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import norm

from stats.entropy import token_entropy
from stats.identified import (
    identified_shift_sign,
    identified_sign,
    imbens_manski,
    imbens_manski_shift,
    open_order,
)
from stats.outcome import Reason


@pytest.mark.parametrize("gap", [0.0, 0.05, 1.0, 20.0])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_solves_the_equation_of_imbens_and_manski(gap, level):
    rng = np.random.default_rng(7)
    lows = rng.normal(size=30)
    highs = lows + gap * rng.uniform(0.5, 1.5, size=30)
    found = imbens_manski(lows, highs, level)
    errors = lows.std(ddof=1) / np.sqrt(30), highs.std(ddof=1) / np.sqrt(30)
    width = (highs.mean() - lows.mean()) / max(errors)
    critical = optimize.brentq(
        lambda c: norm.cdf(c + width) - norm.cdf(-c) - level, 0.0, 10.0, xtol=1e-14
    )
    assert found.low == pytest.approx(lows.mean() - critical * errors[0], abs=1e-10)
    assert found.high == pytest.approx(highs.mean() + critical * errors[1], abs=1e-10)


def test_a_point_has_the_two_sided_interval_and_a_wide_set_the_one_sided_one():
    values = np.arange(10.0)
    error = values.std(ddof=1) / np.sqrt(10)
    point = imbens_manski(values, values)
    assert point.high - values.mean() == pytest.approx(norm.ppf(0.975) * error)
    wide = imbens_manski(values, values + 1000.0)
    assert values.mean() - wide.low == pytest.approx(norm.ppf(0.95) * error)


def test_the_interval_covers_the_worst_point_of_the_set_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(2000):
        lows = rng.normal(size=60)
        found = imbens_manski(lows, lows + 0.1)
        covered += found.low <= 0.0 <= found.high
    assert 0.935 < covered / 2000 < 0.985


def test_what_gives_no_interval():
    assert imbens_manski([1.0], [2.0]) is Reason.TOO_FEW
    assert imbens_manski([1.0, 2.0], [2.0, np.inf]) is Reason.UNBOUNDED
    assert imbens_manski([1.0, 1.0], [2.0, 2.0]).high == 2.0
    with pytest.raises(ValueError, match="above its upper"):
        imbens_manski([1.0, 3.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="2 lower and 1 upper"):
        imbens_manski([1.0, 3.0], [2.0])


def test_the_interval_of_a_shift_is_that_of_means_where_one_sample_is_known():
    rng = np.random.default_rng(5)
    lows = rng.normal(size=20)
    highs = lows + rng.uniform(0.1, 0.5, size=20)
    zeros = np.zeros(400_000)
    one, other = imbens_manski(lows, highs), imbens_manski_shift((lows, highs), (zeros, zeros))
    assert (other.low, other.high) == pytest.approx((one.low, one.high))
    turned = imbens_manski_shift((zeros, zeros), (lows, highs))
    assert (-turned.high, -turned.low) == pytest.approx((one.low, one.high))


def test_the_interval_of_a_shift_covers_the_worst_point_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(2000):
        x, y = rng.normal(size=30), rng.normal(size=20)
        found = imbens_manski_shift((x, x + 0.1), (y, y + 0.05))
        covered += found.low <= -0.05 <= found.high
    assert 0.935 < covered / 2000 < 0.985
    assert imbens_manski_shift((x, x), ([1.0], [1.0])) is Reason.TOO_FEW
    assert imbens_manski_shift((x, x + np.inf), (y, y)) is Reason.UNBOUNDED


def test_a_sign_is_identified_only_where_mean_and_pseudo_median_have_it():
    assert identified_sign([0.1, 0.2, 0.3], [1.0, 2.0, np.inf]) == 1
    assert identified_sign([-np.inf, -2.0, -1.0], [-0.1, -0.2, -0.3]) == -1
    assert identified_sign([-0.1, 0.2, 0.3], [1.0, 2.0, 3.0]) == 1
    assert identified_sign([-0.9, 0.2, 0.3], [1.0, 2.0, 3.0]) == 0
    # The mean is above 0 and the pseudo-median below.
    assert identified_sign([9.0, *[-0.5] * 9], [9.0, *[-0.5] * 9]) == 0
    assert identified_sign([], []) == 0
    x, y = ([3.0, 4.0], [5.0, np.inf]), ([1.0, 1.5], [2.0, 2.5])
    assert identified_shift_sign(x, y) == 1
    assert identified_shift_sign(y, x) == -1
    assert identified_shift_sign(x, (y[0], [4.0, 5.0])) == 0
    assert identified_shift_sign(([], []), y) == 0


def test_open_order_counts_pairs_that_overlap():
    assert open_order([0.0, 2.0, 2.5], [1.0, 3.0, 4.0]) == pytest.approx(1 / 3)
    assert open_order([0.0, 2.0], [np.inf, 3.0]) == 1.0
    assert np.isnan(open_order([0.0], [1.0]))


def test_the_truth_of_500_random_distributions_lies_in_the_set():
    rng = np.random.default_rng(11)
    for _ in range(500):
        size = int(rng.integers(3, 2000))
        k = int(rng.integers(1, size))
        p = np.sort(rng.dirichlet(np.full(size, rng.choice([0.02, 0.1, 1.0, 10.0]))))[::-1]
        p = np.maximum(p, 1e-300)
        p /= p.sum()
        truth = -(p * np.log(p)).sum()
        found = token_entropy(np.log(p[None, :k]), vocabulary=size)
        assert found.low[0] <= truth + 1e-9
        assert truth <= found.high[0] + 1e-9
        stored = p[:k] / p[:k].sum()
        if p[k:].sum() > 1e-5:
            renormalised = -(stored * np.log(stored)).sum()
            assert found.top_k[0] == pytest.approx(renormalised, abs=1e-9)


def test_rows_that_hold_minus_infinity_are_complete_only_if_they_sum_to_one():
    padded = [np.log([0.3, 0.25, 1.0]).tolist()]
    padded[0][2] = -np.inf
    found = token_entropy(padded, vocabulary=100)
    p = np.array([0.3, 0.25])
    low = -(p * np.log(p)).sum() - 0.45 * np.log(0.45)
    assert found.filtered
    assert found.low[0] == pytest.approx(low)
    assert found.high[0] == pytest.approx(low + 0.45 * np.log(98))


def test_a_token_that_is_stored_twice_is_no_rounding():
    found = token_entropy(np.log([[0.8, 0.2, 0.005], [0.8, 0.2, 1e-9]]).astype(np.float32))
    assert found.bad.tolist() == [True, False]
    assert found.excess[0] == pytest.approx(0.005, abs=1e-5)
