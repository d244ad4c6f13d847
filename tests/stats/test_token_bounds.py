"""Bounds of a token's entropy: sharp, and wide enough for the grid that the scores lie on."""

import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.entropy import token_entropy

VOCABULARY = 400


def truths(seed: int, tokens: int = 30) -> np.ndarray:
    """Log-probabilities of whole vocabularies, sharp and flat ones, most probable first."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(tokens, VOCABULARY)) * rng.uniform(0.0, 6.0, size=(tokens, 1))
    return -np.sort(-scipy.special.log_softmax(logits, axis=1), axis=1)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to bfloat16, as hardware does, and store as float32."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def float16(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


GRIDS = {"": lambda v: v.astype(np.float32), "bfloat16": bfloat16, "float16": float16}


def greedy(stored: np.ndarray, rest: float) -> float:
    """Fill up with candidates that are as large as the smallest stored one, one by one."""
    p = list(stored)
    while rest > 0.0:
        p.append(min(rest, stored.min()))
        rest -= p[-1]
    return float(scipy.stats.entropy(p))


@pytest.mark.parametrize("k", [1, 2, 10, 50])
def test_the_lower_bound_is_that_of_the_fewest_candidates(k):
    scores = truths(1)[:, :k]
    found = token_entropy(scores, VOCABULARY, most_probable=True)
    assert found.most_probable
    p = np.exp(scores)
    expected = [greedy(row, 1.0 - row.sum()) for row in p]
    np.testing.assert_allclose(found.low, expected, atol=1e-9)
    loose = token_entropy(scores, VOCABULARY)
    assert not loose.most_probable
    assert (found.low >= loose.low - 1e-12).all()
    np.testing.assert_array_equal(found.high, loose.high)
    if k > 1:
        assert found.low.mean() > loose.low.mean() + 0.01


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from(sorted(GRIDS)), st.booleans())
def test_the_truth_lies_inside(seed, k, grid, known):
    scores = truths(seed, tokens=6)
    truth = scipy.stats.entropy(np.exp(scores), axis=1)
    stored = GRIDS[grid](scores)[:, :k]
    found = token_entropy(stored, VOCABULARY if known else None, most_probable=True)
    assert not found.bad.any()
    assert (found.low <= truth + 1e-4).all()
    assert (~known | (truth <= found.high + 1e-4)).all()
    if known:
        assert (found.low <= found.high + 1e-4).all()


@pytest.mark.parametrize("grid", ["bfloat16", "float16"])
@pytest.mark.parametrize("first", ["logarithm", "probability"])
def test_filtered_scores_on_a_coarse_grid_are_whole_and_renormalised(grid, first):
    """The logarithm was rounded, or the probability before it, too."""
    whole = truths(3, tokens=200)
    whole[:, 30:] = -np.inf
    whole = np.where(whole < whole[:, :1] - 4.0, -np.inf, whole)
    whole -= scipy.special.logsumexp(whole, axis=1, keepdims=True)
    truth = scipy.stats.entropy(np.exp(whole), axis=1)
    rounded = GRIDS[grid](np.exp(whole)) if first == "probability" else np.exp(whole)
    with np.errstate(divide="ignore"):
        scores = GRIDS[grid](np.log(rounded))[:, :50]
    sums = np.exp(scores.astype(float)).sum(axis=1)
    assert np.abs(sums - 1.0).max() > 2e-4
    found = token_entropy(scores, VOCABULARY, most_probable=True)
    assert found.grid == grid
    assert not found.bad.any()
    np.testing.assert_array_equal(found.mass, 1.0)
    np.testing.assert_array_equal(found.low, found.high)
    np.testing.assert_array_equal(found.low, found.top_k)
    assert found.rounding == pytest.approx(np.abs(sums - 1.0).max())
    assert found.top_k.mean() == pytest.approx(truth.mean(), abs=3e-3)
    half = token_entropy(scores.astype(np.float16)) if grid == "float16" else found
    np.testing.assert_array_equal(half.top_k, found.top_k)


def test_the_smallest_candidate_may_have_been_rounded_down():
    """Three of a third; with the rounded 0.3324, two and a small one more would be the fewest."""
    scores = bfloat16(np.full((20, 1), -np.log(3.0)))
    found = token_entropy(scores, 3, most_probable=True)
    assert found.grid == "bfloat16"
    assert (found.low <= np.log(3.0)).all()
    assert (found.low > np.log(3.0) - 5e-3).all()


def test_a_grid_is_that_of_all_scores():
    scores = truths(4)[:, :20]
    assert token_entropy(scores).grid == ""
    assert token_entropy(scores.astype(np.float32)).grid == ""
    assert token_entropy(bfloat16(scores)).grid == "bfloat16"
    assert token_entropy(bfloat16(scores).astype(np.float64)).grid == "bfloat16"
    assert token_entropy(bfloat16(scores[:, 1:].clip(-8)).astype(np.float16)).grid == "bfloat16"
    assert token_entropy(scores.astype(np.float16)).grid == "float16"
    one = bfloat16(scores)
    one[7, 3] = np.float32(scores[7, 3])
    assert token_entropy(one).grid == ""
    assert token_entropy(np.log([[0.5, 0.5]])).grid == ""


def test_two_in_place_of_one_is_no_rounding_on_any_grid():
    scores = truths(5)
    for grid, rounded in GRIDS.items():
        twice = rounded(np.concatenate([scores[:, :1], scores], axis=1))
        found = token_entropy(twice)
        assert found.grid == grid
        assert found.bad[np.exp(scores[:, 0]) > 0.05].all()


@pytest.mark.parametrize("spoil", ["sampled", "padding", "filler"])
def test_candidates_that_are_not_the_most_probable_keep_the_wide_bound(spoil):
    """A server lists the sampled token in place of the last one, or pads shorter rows."""
    rng = np.random.default_rng(6)
    whole = truths(6, tokens=120)
    truth = scipy.stats.entropy(np.exp(whole), axis=1)
    scores = whole[:, :8].copy()
    if spoil == "sampled":
        scores[:, -1] = [row[rng.integers(8, VOCABULARY)] for row in whole]
    else:
        scores[::3, 5:] = -np.inf if spoil == "padding" else -9999.0
    for vocabulary in (VOCABULARY, None) if spoil != "sampled" else (VOCABULARY,):
        found = token_entropy(scores, vocabulary, most_probable=True)
        assert not found.most_probable
        assert (found.low <= truth + 1e-9).all()


def test_a_real_capture_lies_inside_its_bounds(root):
    raw = root / "data" / "smollm2" / "raw"
    with np.load(raw / "smollm2_135m_t07_baseline_hidden_states.npz") as capture:
        scores = capture["top_k_logprobs_raw"]
        truth = capture["entropy_full"].astype(np.float64)
    found = token_entropy(scores, 49_152, most_probable=True)
    assert found.most_probable
    assert truth.size == 4488
    assert (found.low <= truth + 2e-3).all()
    assert (truth <= found.high + 2e-3).all()
    answers = json.loads((raw / "smollm2_135m_t07_baseline.json").read_text(encoding="utf-8"))
    lengths = np.array([answer["n_tokens"] for answer in answers["responses"]])
    loose = token_entropy(scores, 49_152)
    for values, expected in ((found.low, 1.898965), (loose.low, 1.629427), (truth, 2.021)):
        means = np.add.reduceat(values, np.cumsum(lengths) - lengths) / lengths
        assert means.mean() == pytest.approx(expected, abs=5e-4)
    for rounded in (bfloat16, float16):
        coarse = token_entropy(rounded(scores), 49_152, most_probable=True)
        assert (coarse.low <= truth + 1e-4).all()
        assert (truth <= coarse.high + 1e-4).all()
        assert coarse.low.mean() == pytest.approx(found.low.mean(), abs=0.07)
