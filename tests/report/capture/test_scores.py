"""Scores that are not what they seem: rounded on a coarse grid, or filled up after the end."""

import json

import numpy as np
import pytest

from report.capture.extract import extract
from report.capture.filling import find_filling

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


OWN = (15, 9, 17, 4, 12, 17)


def filled(captures, kind: str, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Write a batch that was filled up to 17 rows; return it, and the answers' own rows."""
    own = captures.baseline(counts=OWN)["top_k_logprobs"]
    own[[2, 20, 21, 47]] = [0.0, *[-np.inf] * 7]  # certain tokens, two of them in a row
    if kind == "common":
        own[5:40:3] = own[2]
    parts = np.split(own, np.cumsum(OWN)[:-1])
    rows = {
        "certain": np.array([-0.0, *[-np.inf] * 7]),
        "common": own[2],
        "zeros": np.zeros(8),
    }
    batch = []
    for part in parts:
        row = rows.get(kind, part[-1 if place == "at the end" else 0])
        rest = np.tile(row, (17 - len(part), 1))
        batch += [part, rest] if place == "at the end" else [rest, part]
    return np.concatenate(batch).astype(np.float32), own


@pytest.mark.parametrize("place", ["at the end", "in front"])
@pytest.mark.parametrize("kind", ["certain", "zeros", "repeated"])
def test_rows_that_fill_up_a_batch_are_left_out_and_it_is_said(captures, kind, place):
    batch, own = filled(captures, kind, place)
    raw = np.where(np.isneginf(batch), -9.0, batch - 0.5)
    full = np.full(len(batch), 1.0)
    captures.baseline(counts=OWN, arrays={"top_k_logprobs": own})
    alone = extract(captures.study()).baselines["m"]
    more = {"top_k_logprobs_raw": raw, "entropy_full": full, "token_offsets": None}
    captures.baseline(counts=(17,) * 6, arrays={"top_k_logprobs": batch} | more)
    found = extract(captures.study())
    baseline = found.baselines["m"]
    np.testing.assert_array_equal(baseline.entropy, alone.entropy)
    np.testing.assert_array_equal(baseline.n_tokens, OWN)
    np.testing.assert_array_equal(baseline.n_longest, [0, 0, 1, 0, 0, 1])
    assert baseline.unfiltered is not None
    assert not [p for p in found.problems if not p.note]
    (note,) = notes(found, "filled up")
    assert f"{place} of 4 of 6 answers" in note.problem
    assert f"{len(batch) - len(own)} of {len(batch)} rows" in note.problem
    assert not notes(found, "limit of generation")


def test_a_filling_that_can_t_be_told_from_certain_tokens_costs_the_entropies(captures):
    batch, _ = filled(captures, "common", "at the end")
    captures.baseline(counts=(17,) * 6, arrays={"top_k_logprobs": batch, "token_offsets": None})
    found = extract(captures.study())
    (problem,) = [p for p in found.problems if not p.note]
    assert "on average, or the filling of a batch, without which it is" in problem.problem
    assert "entropy" in problem.costs
    assert not found.baselines["m"].has_entropy
    assert found.baselines["m"].layer_entropy is not None
    assert found.why_missing("m", "baseline") == "misaligned"


def test_a_filled_calibration_is_cut_like_a_baseline(captures):
    lines, rows = captures.calibration()
    captures.baseline()
    alone = extract(captures.study()).calibrations["m"]
    lengths = [line["n_tokens"] for line in lines]
    rest = np.array([0.0, *[-np.inf] * (rows.shape[1] - 1)], dtype=np.float32)
    batch = [
        np.concatenate([part, np.tile(rest, (30 - len(part), 1))])
        for part in np.split(rows, np.cumsum(lengths)[:-1])
    ]
    with (captures.raw / "m_calibration_responses.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line | {"n_tokens": 30}) + "\n" for line in lines)
    np.savez(captures.raw / "m_calibration_hidden_states.npz", top_k_logprobs=np.concatenate(batch))
    found = extract(captures.study())
    np.testing.assert_array_equal(found.calibrations["m"].entropy, alone.entropy)
    np.testing.assert_array_equal(found.calibrations["m"].n_tokens, alone.n_tokens)
    assert len(notes(found, "filled up")) == 1


@pytest.mark.parametrize("condition", ["t03", "t07", "t16"])
def test_answers_that_end_at_the_limit_are_no_filling(root, condition):
    """Certain tokens give identical rows, and most of these answers have 160 of them."""
    raw = root / "data" / "smollm2" / "raw"
    stem = f"smollm2_135m_{condition}_baseline"
    with np.load(raw / f"{stem}_hidden_states.npz") as stored:
        scores = stored["top_k_logprobs"]
    answers = json.loads((raw / f"{stem}.json").read_text(encoding="utf-8"))["responses"]
    lengths = np.array([answer["n_tokens"] for answer in answers])
    edges = np.concatenate([[0], np.cumsum(lengths)])
    assert find_filling(scores, edges) is None
    for limit in (20, 64, 160):
        chosen = np.flatnonzero(lengths >= limit)
        cut = np.concatenate([scores[edges[q] : edges[q] + limit] for q in chosen])
        assert find_filling(cut, np.arange(chosen.size + 1) * limit) is None
