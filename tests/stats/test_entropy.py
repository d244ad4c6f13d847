"""Entropy: against scipy, whole distributions, loops, and the truth beside a real capture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.tsa.stattools import acf

from stats import draws
from stats.entropy import (
    activation_entropies,
    activation_entropy,
    freedman_diaconis,
    lag1,
    position_slope,
    running_entropy,
    spectral_entropy,
    token_entropy,
)


def distributions(rng: np.random.Generator, tokens: int, vocabulary: int) -> np.ndarray:
    """Log-probabilities of whole vocabularies, most probable first."""
    logits = rng.normal(scale=3.0, size=(tokens, vocabulary))
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -np.sort(-scores, axis=1)


def test_whole_distribution_gives_its_entropy():
    scores = distributions(np.random.default_rng(1), 40, 60)
    found = token_entropy(scores, vocabulary=60)
    truth = scipy.stats.entropy(np.exp(scores), axis=1)
    np.testing.assert_allclose(found.entropy, truth, atol=1e-12)
    np.testing.assert_allclose(found.mass, 1.0)
    np.testing.assert_allclose(found.high, truth, atol=1e-12)
    assert not found.filtered


def test_bounds_are_the_formulas_and_contain_the_truth():
    scores = distributions(np.random.default_rng(2), 200, 500)
    truth = scipy.stats.entropy(np.exp(scores), axis=1)
    found = token_entropy(scores[:, :20], vocabulary=500)
    p = np.exp(scores[:, :20])
    missing = 1.0 - p.sum(axis=1)
    stored = -(p * np.log(p)).sum(axis=1)
    np.testing.assert_allclose(found.entropy, stored, rtol=1e-13)
    np.testing.assert_allclose(found.low, stored - missing * np.log(missing), rtol=1e-12)
    np.testing.assert_allclose(found.high, stored - missing * np.log(missing / 480), rtol=1e-12)
    assert (found.low <= truth).all()
    assert (truth <= found.high).all()
    assert np.isnan(token_entropy(scores[:, :20]).high).all()


def test_minus_infinity_is_probability_zero():
    found = token_entropy(np.log([[0.5, 0.25, 0.25], [1.0, 1.0, 1.0]]).tolist())
    assert found.bad.tolist() == [False, True]
    row = [np.log(0.5), np.log(0.5), -np.inf]
    found = token_entropy([row, [0.0, -np.inf, -np.inf]], vocabulary=50_000)
    assert found.filtered
    np.testing.assert_allclose(found.entropy, [np.log(2), 0.0], atol=1e-15)
    np.testing.assert_array_equal(found.low, found.entropy)
    np.testing.assert_array_equal(found.high, found.entropy)


def test_filtered_scores_that_overflow_the_stored_candidates_keep_their_bounds():
    found = token_entropy([np.log([0.5, 0.3]), [0.0, -np.inf]], vocabulary=10)
    assert found.filtered
    assert found.low[0] < found.high[0]
    assert found.low[1] == found.high[1] == 0.0


@pytest.mark.parametrize(
    "row",
    [
        [np.nan, -1.0],
        [np.inf, -1.0],
        [-np.inf, -np.inf],
        [np.nan, -np.inf],
        [3.0, 2.0],
        [1e300, 0.0],
    ],
)
def test_rows_that_are_no_log_probabilities_are_bad(row):
    found = token_entropy([row, [np.log(0.5), np.log(0.5)]], vocabulary=2)
    assert found.bad.tolist() == [True, False]
    for values in (found.entropy, found.low, found.high, found.mass):
        assert np.isnan(values[0])
    assert found.entropy[1] == pytest.approx(np.log(2))


def test_float32_mass_above_one_breaks_no_logarithm():
    p = np.full((1, 3), 1 / 3 * (1 + 3e-7))
    found = token_entropy(np.log(p), vocabulary=10)
    assert found.mass[0] > 1.0
    assert found.low[0] == found.high[0] == found.entropy[0]


def test_wrong_calls():
    with pytest.raises(ValueError, match="shape"):
        token_entropy([0.0, -1.0])
    with pytest.raises(ValueError, match="vocabulary"):
        token_entropy([[0.0, -1.0]], vocabulary=1)
    assert token_entropy(np.empty((0, 5))).entropy.shape == (0,)


@given(arrays(np.float64, (4, 7), elements=st.floats(-30, 30)), st.permutations(range(7)))
def test_token_entropy_lies_between_zero_and_log_k(logits, order):
    scores = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
    scores -= logits.max(axis=1, keepdims=True)
    found = token_entropy(scores)
    assert (found.entropy >= 0.0).all()
    assert (found.entropy <= np.log(7) + 1e-12).all()
    shuffled = token_entropy(scores[:, order]).entropy
    np.testing.assert_allclose(shuffled, found.entropy, atol=1e-12)


def test_bounds_contain_the_entropy_of_a_real_capture(root):
    raw = root / "data" / "smollm2" / "raw"
    with np.load(raw / "smollm2_135m_t07_baseline_hidden_states.npz") as capture:
        found = token_entropy(capture["top_k_logprobs_raw"], vocabulary=49_152)
        truth = capture["entropy_full"].astype(np.float64)
    # float32 scores: their sum is off by up to 2e-6, which moves the bounds by ln V as much.
    assert (found.low <= truth + 1e-4).all()
    assert (truth <= found.high + 1e-4).all()
    assert found.mass.mean() == pytest.approx(0.94, abs=5e-3)
    assert found.entropy.mean() == pytest.approx(1.498, abs=5e-4)
    assert truth.mean() == pytest.approx(2.012, abs=5e-4)


@pytest.mark.parametrize(
    ("condition", "mean", "sd", "tokens"),
    [
        ("t03", 0.2133, 0.0488, 4356),
        ("t05", 0.4196, 0.0803, 4439),
        ("t07", 0.7222, 0.1051, 4488),
        ("t10", 1.3810, 0.2155, 4534),
        ("t13", 2.1506, 0.2076, 4062),
        ("t16", 2.7951, 0.1994, 4096),
    ],
)
def test_real_captures_give_the_published_means(root, condition, mean, sd, tokens):
    stem = root / "data" / "smollm2" / "raw" / f"smollm2_135m_{condition}_baseline"
    responses = json.loads(stem.with_name(f"{stem.name}.json").read_text())["responses"]
    with np.load(stem.with_name(f"{stem.name}_hidden_states.npz")) as capture:
        found = token_entropy(capture["top_k_logprobs"])
    ends = np.cumsum([response["n_tokens"] for response in responses])
    means = [part.mean() for part in np.split(found.entropy, ends[:-1])]
    assert ends[-1] == found.entropy.size == tokens
    assert found.filtered
    assert np.mean(means) == pytest.approx(mean, abs=5e-5)
    assert np.std(means, ddof=1) == pytest.approx(sd, abs=5e-5)


@pytest.mark.parametrize("bins", ["fd", 64])
def test_activation_entropy_by_numpy_and_scipy(bins):
    states = np.random.default_rng(3).standard_t(3, size=(4, 5, 700)).astype(np.float16)
    found = activation_entropy(states, bins)
    corrected = activation_entropy(states, bins, corrected=True)
    assert found.shape == (4, 5)
    for index in np.ndindex(4, 5):
        values = states[index].astype(np.float64)
        edges = np.histogram_bin_edges(values, "fd")
        n_bins = min(max(edges.size - 1, 50), 200) if bins == "fd" else bins
        counts, _ = np.histogram(values, n_bins)
        assert found[index] == pytest.approx(scipy.stats.entropy(counts), abs=1e-12)
        extra = ((counts > 0).sum() - 1) / (2 * values.size)
        assert corrected[index] - found[index] == pytest.approx(extra, abs=1e-12)


def test_number_of_bins_is_clipped():
    rng = np.random.default_rng(4)
    assert freedman_diaconis(rng.uniform(size=100)) == 50
    assert freedman_diaconis(np.append(rng.normal(size=5000), 1e6)) == 200
    assert freedman_diaconis(np.array([0.0] * 90 + [1.0] * 10)) == 50
    values = rng.normal(size=20_000)
    assert freedman_diaconis(values) == np.histogram_bin_edges(values, "fd").size - 1


def test_activation_vectors_without_entropy():
    states = np.array([[1.0, 1.0, 1.0], [1.0, np.inf, 2.0], [np.nan, 0.0, 1.0], [0.0, 1.0, 2.0]])
    found = activation_entropy(states)
    assert np.isnan(found[:3]).all()
    assert found[3] == pytest.approx(np.log(3))
    with pytest.raises(ValueError, match="shape"):
        activation_entropy(1.0)


@given(arrays(np.float64, 40, elements=st.floats(-100, 100, width=16)), st.integers(-3, 3))
def test_activation_entropy_is_bounded_and_free_of_scale(values, power):
    found = float(activation_entropy(values, bins=50))
    assert np.isnan(found) or 0.0 <= found <= np.log(40) + 1e-12
    scaled = float(activation_entropy(values * 2.0**power, bins=50))
    np.testing.assert_allclose(scaled, found, atol=1e-12)


def test_spectral_entropy_by_the_covariance():
    states = np.random.default_rng(5).normal(size=(12, 30)) @ np.diag(np.arange(1, 31))
    eigenvalues = np.clip(np.linalg.eigvalsh(np.cov(states.T)), 0.0, None)
    assert spectral_entropy(states) == pytest.approx(scipy.stats.entropy(eigenvalues), abs=1e-9)
    assert spectral_entropy(states) <= np.log(11)
    assert spectral_entropy(states[:, :4] + 1e4) <= np.log(4) + 1e-9


def test_spectral_entropy_without_variance():
    assert spectral_entropy(np.outer([1, 2, 4], [1.0, 3.0])) == pytest.approx(0.0, abs=1e-12)
    for states in (np.ones((5, 3)), np.ones((1, 3)), np.empty((0, 3)), [[1.0, np.nan], [2, 3]]):
        assert np.isnan(spectral_entropy(states))
    with pytest.raises(ValueError, match="shape"):
        spectral_entropy(np.ones(4))


def test_slope_and_autocorrelation_by_other_libraries():
    values = np.cumsum(np.random.default_rng(6).normal(size=50))
    slope = scipy.stats.linregress(np.arange(50), values).slope
    assert position_slope(values) == pytest.approx(slope, rel=1e-12)
    assert lag1(values) == pytest.approx(acf(values, nlags=1, fft=False)[1], rel=1e-12)


def test_slope_and_autocorrelation_with_gaps_and_too_little():
    line = 0.5 * np.arange(9.0)
    line[[2, 5]] = np.nan
    assert position_slope(line) == pytest.approx(0.5)
    d = np.array([0.0, 1.0, np.nan, 3.0, 4.0]) - 2.0
    assert lag1(d + 2.0) == pytest.approx((d[0] * d[1] + d[3] * d[4]) / np.nansum(d**2))
    for values in ([], [1.0], [np.nan, 1.0]):
        assert np.isnan(position_slope(values))
        assert np.isnan(lag1(values))
    assert np.isnan(lag1([1.0, 1.0, 1.0, 1.0]))
    assert position_slope([1.0, 1.0, 1.0]) == 0.0


def test_running_entropy_by_a_loop():
    rng = np.random.default_rng(7)
    answers = [rng.uniform(size=size) for size in (5, 1, 9)]
    expected = [
        np.mean([answer[: min(t, answer.size)].mean() for answer in answers]) for t in range(1, 10)
    ]
    np.testing.assert_allclose(running_entropy(answers), expected, rtol=1e-13)
    assert running_entropy(answers)[-1] == pytest.approx(np.mean([a.mean() for a in answers]))


def test_running_entropy_with_gaps():
    found = running_entropy([[np.nan, 2.0, 4.0], [], [np.nan] * 3])
    np.testing.assert_allclose(found, [np.nan, 2.0, 3.0])
    assert running_entropy([]).size == 0
    assert running_entropy([[], []]).size == 0


def test_spectral_entropy_is_the_same_from_the_smaller_matrix():
    """Of many questions in few dimensions the covariance is smaller, of few in many Gram's."""
    rng = np.random.default_rng(6)
    for shape in ((40, 9), (9, 40), (9, 9)):
        states = rng.normal(size=shape) * rng.gamma(1.0, size=shape[1])
        spectrum = np.linalg.eigvalsh(np.cov(states.T))
        p = spectrum[spectrum > 1e-12 * spectrum.max()]
        p /= p.sum()
        assert spectral_entropy(states) == pytest.approx(-(p * np.log(p)).sum(), rel=1e-9)


def test_activation_entropy_of_many_vectors_is_that_of_each(monkeypatch):
    monkeypatch.setattr(draws, "BLOCK", 300)  # three vectors
    rng = np.random.default_rng(8)
    states = rng.standard_t(3, size=(5, 4, 100)).astype(np.float16)
    states[0, 0] = 1.0
    states[1, 1, 5] = np.nan
    states[2, 2, :99] = 0.0  # quartiles that coincide
    for bins in ("fd", 60):
        plain, corrected = activation_entropies(states, bins)
        for i, j in np.ndindex(5, 4):
            assert np.array_equal(
                plain[i, j], activation_entropy(states[i, j], bins), equal_nan=True
            )
            one = activation_entropy(states[i, j], bins, corrected=True)
            assert np.array_equal(corrected[i, j], one, equal_nan=True)
    assert np.isnan(plain).sum() == np.isnan(corrected).sum() == 2


def test_tokens_in_blocks_are_the_tokens(monkeypatch):
    scores = distributions(np.random.default_rng(9), tokens=40, vocabulary=50)[:, :7]
    scores[3, 5:] = -np.inf  # in one block alone
    scores[9, 0] = np.nan
    whole = token_entropy(scores, vocabulary=50)
    monkeypatch.setattr(draws, "BLOCK", 7 * 6)
    parts = token_entropy(scores, vocabulary=50)
    for name in ("entropy", "top_k", "low", "high", "mass", "bad", "excess"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name), equal_nan=True), name
    assert whole.filtered
    assert parts.filtered
