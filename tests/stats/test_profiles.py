"""Profiles over layers: against loops over questions, models and permutations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from stats import profiles
from stats.outcome import Reason
from stats.profiles import (
    bin_by_depth,
    nearest_profile,
    signature_similarity,
    to_relative_depth,
)


def assign_by_loop(curves: np.ndarray) -> np.ndarray:
    models, questions, _ = curves.shape
    assigned = np.empty((models, questions), dtype=int)
    for m, q in np.ndindex(models, questions):
        rest = np.delete(curves, q, axis=1).mean(axis=1)
        assigned[m, q] = np.argmin([np.linalg.norm(curves[m, q] - profile) for profile in rest])
    return assigned


def test_assignments_one_by_one():
    rng = np.random.default_rng(1)
    curves = rng.normal(size=(4, 9, 12)) + 0.5 * rng.normal(size=(4, 1, 12)) + 50.0
    found = nearest_profile(curves, rng, n_permutations=99)
    assigned = assign_by_loop(curves)
    expected = np.zeros((4, 4), dtype=int)
    for m, q in np.ndindex(4, 9):
        expected[m, assigned[m, q]] += 1
    np.testing.assert_array_equal(found.confusion, expected)
    hits = int(np.trace(expected))
    assert found.accuracy.value == found.outcome.statistic == hits / 36
    low = scipy.stats.beta.ppf(0.025, hits, 36 - hits + 1)
    high = scipy.stats.beta.ppf(0.975, hits + 1, 36 - hits)
    interval = found.accuracy.interval
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-10)
    assert interval.method == "clopper-pearson"
    assert found.chance == 0.25


def test_permutation_p_one_by_one():
    rng = np.random.default_rng(2)
    curves = rng.normal(size=(3, 5, 4)) + 0.6 * rng.normal(size=(3, 1, 4))
    found = nearest_profile(curves, np.random.default_rng(7), n_permutations=50)
    again, labels = np.random.default_rng(7), np.arange(3)
    hits = (assign_by_loop(curves) == labels[:, None]).sum()
    at_least = 0
    for _ in range(50):
        order = again.permuted(np.tile(labels, (5, 1)), axis=1)
        shuffled = np.stack([curves[order[q], q] for q in range(5)], axis=1)
        at_least += (assign_by_loop(shuffled) == labels[:, None]).sum() >= hits
    assert found.outcome.p == (at_least + 1) / 51
    assert found.outcome.p_floor == 1 / 51
    assert found.outcome.n_resamples == 50
    assert found.outcome.alternative == "greater"


def test_distinct_models_are_recognised_and_equal_ones_are_not():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(5, 30, 20))
    distinct = nearest_profile(noise + 10 * rng.normal(size=(5, 1, 20)), rng, 199)
    assert distinct.accuracy.value == 1.0
    assert distinct.outcome.p == distinct.outcome.p_floor == 1 / 200
    same = nearest_profile(noise + rng.normal(size=(1, 30, 20)), rng, 199)
    assert same.accuracy.value < 0.35
    assert same.outcome.p > 0.05


def test_permutation_p_is_valid_under_the_null():
    rng = np.random.default_rng(4)
    p = [nearest_profile(rng.normal(size=(3, 4, 2)), rng, 19).outcome.p for _ in range(200)]
    limit = scipy.stats.binom.ppf(0.9999, 200, 0.05)
    assert sum(value <= 0.05 for value in p) <= limit


@given(st.permutations(range(4)), st.floats(0.1, 10), st.floats(-5, 5))
def test_accuracy_is_free_of_labels_scale_and_level(order, scale, level):
    curves = np.random.default_rng(5).normal(size=(4, 6, 5))
    curves += 0.8 * np.random.default_rng(6).normal(size=(4, 1, 5))
    rng = np.random.default_rng(0)
    found = nearest_profile(curves, rng, 1)
    changed = nearest_profile(scale * curves[order] + level, rng, 1)
    assert changed.accuracy.value == found.accuracy.value
    np.testing.assert_array_equal(changed.confusion, found.confusion[np.ix_(order, order)])


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        (np.zeros((1, 30, 5)), Reason.TOO_FEW),
        (np.zeros((3, 2, 5)), Reason.TOO_FEW),
        (np.ones((3, 5, 5)), Reason.CONSTANT_INPUT),
        (np.full((3, 5, 5), np.nan), Reason.NON_FINITE),
        (np.full((3, 5, 5), np.inf), Reason.NON_FINITE),
    ],
)
def test_profiles_that_cannot_be_classified(curves, reason):
    found = nearest_profile(curves, np.random.default_rng(0), 9)
    assert found.accuracy.reason is found.outcome.reason is reason
    assert found.confusion is None


def test_profiles_need_three_dimensions():
    with pytest.raises(ValueError, match="shape"):
        nearest_profile(np.ones((3, 5)), np.random.default_rng(0))


@pytest.mark.parametrize(("layers", "points"), [(31, 50), (49, 50), (50, 50), (5, 9), (2, 3)])
def test_relative_depth_as_numpy_interpolates(layers, points):
    values = np.random.default_rng(layers).normal(size=(2, 3, layers))
    found = to_relative_depth(values, points)
    for index in np.ndindex(2, 3):
        expected = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, layers), values[index])
        np.testing.assert_allclose(found[index], expected, atol=1e-12)


def test_relative_depth_at_its_edges():
    np.testing.assert_array_equal(to_relative_depth([3.0], 4), [3.0] * 4)
    found = to_relative_depth([0.0, 1.0, np.nan], 5)
    np.testing.assert_array_equal(found, [0.0, 0.5, 1.0, np.nan, np.nan])
    for values, points in (([1.0, 2.0], 1), ([], 3)):
        with pytest.raises(ValueError, match="interpolate"):
            to_relative_depth(values, points)


@pytest.mark.parametrize("layers", [1, 2, 10, 11, 29, 31, 49])
def test_bins_by_a_loop(layers):
    matrix = np.random.default_rng(layers).normal(size=(layers, 3))
    matrix[layers // 2, 1] = np.nan
    members = [[] for _ in range(10)]
    for layer in range(layers):
        depth = layer / (layers - 1) if layers > 1 else 0.0
        members[min(int(depth * 10 + 1e-9), 9)].append(matrix[layer])
    found = bin_by_depth(matrix)
    assert found.shape == (10, 3)
    for row, rows in zip(found, members, strict=True):
        for axis in range(3):
            values = [r[axis] for r in rows if not np.isnan(r[axis])]
            expected = np.mean(values) if values else np.nan
            np.testing.assert_allclose(row[axis], expected, atol=1e-14)


def test_bins_need_a_matrix():
    for matrix, bins in ((np.ones(4), 10), (np.empty((0, 2)), 10), (np.ones((4, 2)), 0)):
        with pytest.raises(ValueError, match="bin"):
            bin_by_depth(matrix, bins)


def signature_by_loop(x: np.ndarray, y: np.ndarray, n_bins: int) -> np.ndarray:
    rho = np.array(
        [[scipy.stats.spearmanr(layer, axis).statistic for axis in y.T] for layer in x.T]
    )
    return bin_by_depth(rho, n_bins)


def drawn(rng: np.random.Generator, n: int, b: int) -> np.ndarray:
    return rng.permuted(np.tile(np.arange(n), (b, 1)), axis=1)


def test_signatures_one_by_one():
    rng = np.random.default_rng(8)
    x1, y1 = rng.normal(size=(12, 7)), rng.normal(size=(12, 3)).round(1)
    x2, y2 = rng.normal(size=(10, 9)), rng.normal(size=(10, 3)).round(1)
    orders1, orders2 = drawn(rng, 12, 40), drawn(rng, 10, 40)
    estimate, outcome = signature_similarity(x1, y1, x2, y2, orders1, orders2, n_bins=4)

    def similarity(first: np.ndarray, second: np.ndarray) -> float:
        a, b = signature_by_loop(x1, first, 4), signature_by_loop(x2, second, 4)
        return scipy.stats.pearsonr(a.ravel(), b.ravel()).statistic

    observed = similarity(y1, y2)
    random = [similarity(y1[i], y2[j]) for i, j in zip(orders1, orders2, strict=True)]
    assert estimate.value == pytest.approx(observed, abs=1e-12)
    at_least = sum(abs(value) >= abs(observed) - 1e-12 for value in random)
    assert outcome.p == (at_least + 1) / 41
    assert (estimate.n, outcome.n, outcome.n_resamples) == (12, 10, 40)
    assert outcome.p_floor == 1 / 41


def test_a_signature_resembles_itself():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(30, 12))
    y = x[:, :4] + rng.normal(size=(30, 4))
    orders = drawn(rng, 30, 199), drawn(rng, 30, 199)
    estimate, outcome = signature_similarity(x, y, np.exp(x), 3 * y, *orders)
    assert estimate.value == pytest.approx(1.0)
    assert outcome.p == outcome.p_floor
    opposite, _ = signature_similarity(x, y, x, -y, *orders)
    assert opposite.value == pytest.approx(-1.0)


def test_constant_axes_and_layers_are_left_out():
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(20, 12)), rng.normal(size=(20, 3))
    orders = drawn(rng, 20, 19), drawn(rng, 20, 19)
    flat = y.copy()
    flat[:, 1] = 0.5
    estimate, _ = signature_similarity(x, y, x, flat, *orders)
    without, _ = signature_similarity(x, y[:, [0, 2]], x, y[:, [0, 2]], *orders)
    assert (estimate.n, estimate.value) == (20, pytest.approx(without.value))
    estimate, outcome = signature_similarity(x, y, x, np.ones((20, 3)), *orders)
    assert estimate.reason is outcome.reason is Reason.TOO_FEW


def test_signatures_that_do_not_fit():
    rng = np.random.default_rng(11)
    x, y, orders = rng.normal(size=(8, 5)), rng.normal(size=(8, 2)), drawn(rng, 8, 9)
    with pytest.raises(ValueError, match="axes"):
        signature_similarity(x, y, x, y[:, :1], orders, orders)
    with pytest.raises(ValueError, match="permutations"):
        signature_similarity(x, y, x, y, orders, orders[:5])
    with pytest.raises(ValueError, match="rows"):
        signature_similarity(x[:5], y, x, y, orders, orders)


def test_of_profiles_that_are_equally_near_the_first_is_taken():
    """Two of three models are the same up to rounding, in this order or the other."""
    rng = np.random.default_rng(2)
    curves = rng.normal(size=(5, 3, 4))
    curves[:, 1] = curves[:, 0]
    for turned in (curves, curves[:, ::-1]):
        clean = profiles._assign(turned)
        for _ in range(20):
            noise = 1.0 + 1e-15 * rng.integers(-3, 4, size=curves.shape)
            np.testing.assert_array_equal(profiles._assign(turned * noise), clean)
