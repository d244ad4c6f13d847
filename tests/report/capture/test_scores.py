"""Scores that are not what they seem: rounded on a coarse grid, or filled up after the end."""

import numpy as np
import pytest

from report.capture.extract import extract

COUNTS = (15, 13, 17, 14, 16, 15)
NPZ = "m_baseline_hidden_states.npz"


def cut_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Round float32 to fewer bits of mantissa."""
    whole = values.astype(np.float32).view(np.uint32).astype(np.uint64) + (1 << (bits - 1))
    return (whole >> bits << bits).astype(np.uint32).view(np.float32)


def notes(found, word):
    return [p for p in found.problems if p.note and word in p.problem]


@pytest.mark.parametrize(("bits", "grid", "close"), [(16, "bfloat16", 4e-3), (13, "float16", 5e-4)])
def test_scores_on_a_coarse_grid_are_used_and_one_line_says_so(captures, bits, grid, close):
    exact = captures.baseline(counts=COUNTS)["top_k_logprobs"]
    whole = extract(captures.study()).baselines["m"].entropy
    rounded = np.where(np.isneginf(exact), exact, cut_bits(exact, bits))
    captures.baseline(counts=COUNTS, arrays={"top_k_logprobs": rounded})
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert not [p for p in found.problems if not p.note]
    (note,) = notes(found, "grid")
    off = np.abs(np.exp(rounded.astype(float)).sum(axis=1) - 1.0).max()
    assert off > 1e-4
    assert f"the grid of {grid}: sums are off 1 by up to {off:.2%}" in note.problem
    assert baseline.is_complete
    np.testing.assert_allclose(baseline.entropy, whole, atol=close)
    np.testing.assert_array_equal(baseline.entropy_low, baseline.entropy)
    np.testing.assert_array_equal(baseline.entropy_high, baseline.entropy)


def test_scores_in_order_get_the_sharp_bound(captures):
    p = -np.sort(-np.random.default_rng(1).uniform(0.1, 1.0, (sum(COUNTS), 8)), axis=1)
    scores = np.log(0.9 * p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    bounds = []
    for given in (scores, scores[:, ::-1]):
        captures.baseline(counts=COUNTS, arrays={"top_k_logprobs": given})
        found = extract(captures.study())
        bounds.append(found.baselines["m"].entropy_low)
        assert bool(notes(found, "not in order")) == (given is not scores)
    assert (bounds[0] > bounds[1] + 0.01).all()
