"""Power against enumeration, against simulation with scipy's test, and at its edges."""

from __future__ import annotations

from math import asin, pi

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stats.correlation import spearman_exact
from stats.outcome import Reason
from stats.power import (
    minimum_detectable_rho,
    power_curve,
    required_n,
    spearman_power,
)


def samples(rho, n, size, seed):
    """Bivariate normal samples with population Spearman correlation rho."""
    rng = np.random.default_rng(seed)
    r = 2 * np.sin(pi * rho / 6)
    x, noise = rng.normal(size=(2, size, n))
    return x, r * x + np.sqrt(1 - r * r) * noise


@pytest.mark.parametrize("n", [5, 6, 8])
def test_without_a_correlation_power_is_the_size_of_the_exact_region(n):
    order = np.random.default_rng(0)
    sizes = [spearman_exact(range(n), order.permutation(n)).p for _ in range(300)]
    size = max(p for p in sizes if p <= 0.05)
    assert spearman_power(0.0, n) == pytest.approx(size, abs=0.004)


@pytest.mark.parametrize(("rho", "n"), [(0.371, 6), (0.9, 6), (0.6, 8)])
def test_small_n_by_simulating_the_exact_test(rho, n):
    x, y = samples(rho, n, 4000, seed=n)
    # The exact p depends on rho alone when there are no ties: one lookup serves all samples.
    p_of: dict[float, float] = {}
    rejected = 0
    for a, b in zip(x, y, strict=True):
        statistic = round(float(scipy_stats.spearmanr(a, b).statistic), 9)
        if statistic not in p_of:
            p_of[statistic] = spearman_exact(a, b).p
        rejected += p_of[statistic] <= 0.05
    limit = 4 * np.sqrt(0.25 / 4000)
    assert spearman_power(rho, n) == pytest.approx(rejected / 4000, abs=limit)


@pytest.mark.parametrize(("rho", "n"), [(0.3, 20), (0.5, 30), (0.38, 30), (0.7, 12)])
def test_larger_n_by_simulating_the_t_test(rho, n):
    x, y = samples(rho, n, 10_000, seed=n)
    ranks_x, ranks_y = (scipy_stats.rankdata(v, axis=1) - (n + 1) / 2 for v in (x, y))
    r = (ranks_x * ranks_y).sum(axis=1) * 12 / (n**3 - n)
    p = 2 * scipy_stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
    approximation = 0.02
    assert spearman_power(rho, n) == pytest.approx((p <= 0.05).mean(), abs=approximation + 0.01)


def test_bivariate_normal_has_the_stated_spearman_correlation():
    r = 2 * np.sin(pi * 0.5 / 6)
    assert 6 / pi * asin(r / 2) == pytest.approx(0.5)
    x, y = samples(0.5, 100_000, 1, seed=1)
    assert scipy_stats.spearmanr(x[0], y[0]).statistic == pytest.approx(0.5, abs=0.01)


def test_four_models_can_say_nothing():
    assert spearman_power(1.0, 4) == 0.0
    assert minimum_detectable_rho(4).reason is Reason.TOO_FEW
    assert minimum_detectable_rho(2).reason is Reason.TOO_FEW
    assert spearman_power(1.0, 5) == 1.0


def test_what_six_models_can_say():
    assert spearman_power(0.371, 6) == pytest.approx(0.07, abs=0.005)
    assert minimum_detectable_rho(6).value == pytest.approx(0.97, abs=0.005)


def test_models_needed():
    assert required_n(0.371429) == 56
    assert required_n(0.5) == 30
    assert required_n(-0.5) == 30
    assert required_n(1.0) == 5
    assert required_n(0.0) is None


@pytest.mark.parametrize("n", [6, 9, 30])
def test_the_minimum_is_where_the_power_is_reached(n):
    found = minimum_detectable_rho(n).value
    assert spearman_power(found, n) >= 0.8 > spearman_power(found - 0.002, n)


@pytest.mark.parametrize("rho", [0.2, 0.4, 0.6])
def test_the_number_needed_is_the_fewest(rho):
    n = required_n(rho)
    assert n is not None
    assert spearman_power(rho, n) >= 0.8 > spearman_power(rho, n - 1)


@pytest.mark.parametrize("n", [6, 30])
def test_the_curve_rises_and_is_symmetric(n):
    curve = power_curve([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], n)
    assert (np.diff(curve) > 0).all()
    assert curve[-1] == 1.0
    assert spearman_power(-0.6, n) == pytest.approx(curve[3], abs=0.006)


def test_wrong_calls_are_refused():
    for call in (
        lambda: spearman_power(1.1, 6),
        lambda: spearman_power(0.5, 2),
        lambda: spearman_power(0.5, 6, alpha=5),
        lambda: required_n(0.5, power=0.01),
        lambda: minimum_detectable_rho(6, power=80),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()
