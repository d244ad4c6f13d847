"""The shipped captures, their twin with offsets that fit, and the upstream project's JSON."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from report.capture.extract import extract
from report.study.study import load_study
from stats.dimension import participation_ratio

LADDER = {
    "t03": (0.2133, 0.0488, 3.498, 4356),
    "t05": (0.4196, 0.0803, 3.574, 4439),
    "t07": (0.7222, 0.1051, 3.616, 4488),
    "t10": (1.3810, 0.2155, 3.449, 4534),
    "t13": (2.1506, 0.2076, 3.238, 4062),
    "t16": (2.7951, 0.1994, 3.403, 4096),
}
PARTICIPATION = {
    "gemma_9b": 1.2834,
    "llama_8b": 2.4130,
    "mistral_7b": 2.7845,
    "yi_9b": 1.8505,
    "deepseek_7b": 3.6580,
    "qwen_7b": 1.9093,
}


@pytest.fixture(scope="module")
def ladder(root, shipped_features):
    return load_study(root / "data" / "smollm2"), shipped_features


def dimension(baseline) -> float:
    value = participation_ratio(np.column_stack(list(baseline.projections.values()))).value
    assert value is not None
    return value


@pytest.mark.parametrize("rung", LADDER)
def test_the_table_of_the_readme_comes_out(ladder, rung):
    baseline = ladder[1].baselines[f"smollm2_135m_{rung}"]
    mean, sd, effective, tokens = LADDER[rung]
    assert f"{baseline.entropy.mean():.4f}" == f"{mean:.4f}"
    assert f"{baseline.entropy.std(ddof=1):.4f}" == f"{sd:.4f}"
    assert f"{dimension(baseline):.3f}" == f"{effective:.3f}"
    assert int(baseline.n_tokens.sum()) == tokens
    assert baseline.boundaries == "counts"


def test_wrong_slices_lose_the_last_answers(ladder):
    features = ladder[1]
    baseline = features.baselines["smollm2_135m_t07"]
    calibration = features.calibrations["smollm2_135m_t07"]
    lost = np.flatnonzero(np.isnan(baseline.misaligned_entropy))
    assert lost.tolist() == list(range(24, 30))
    assert int(np.isnan(calibration.misaligned_entropy).sum()) == 193
    assert len(calibration.axis) == 420
    assert np.isfinite(calibration.entropy).all()


def test_bounds_contain_the_full_entropy_of_every_token(ladder):
    baseline = ladder[1].baselines["smollm2_135m_t07"]
    assert baseline.unfiltered is not None
    assert np.array_equal(baseline.unfiltered.n_inside, baseline.n_tokens)
    weights = baseline.n_tokens / baseline.n_tokens.sum()
    assert f"{baseline.unfiltered.entropy @ weights:.3f}" == "1.498"
    assert f"{baseline.unfiltered.entropy_full @ weights:.3f}" == "2.012"
    assert f"{baseline.unfiltered.stored_mass @ weights:.2f}" == "0.94"


def test_nothing_in_the_shipped_captures_has_to_be_mended(ladder):
    assert all(problem.note for problem in ladder[1].problems)


def test_offsets_that_fit_give_the_same_numbers(ladder, tmp_path):
    study, features = ladder
    key = "smollm2_135m_t07"
    for path in study.raw_folder.glob(f"{key}_*"):
        shutil.copy(path, tmp_path)
    for kind, part in (("baseline", features.baselines), ("calibration", features.calibrations)):
        path = tmp_path / f"{key}_{kind}_hidden_states.npz"
        with np.load(path) as archive:
            arrays = dict(archive)
        # Each answer has one question here, so that its tokens are the answer's.
        assert len(part[key].n_tokens) == len(arrays["token_offsets"]) - 1
        arrays["token_offsets"] = np.cumsum([0, *part[key].n_tokens])
        np.savez(path, **arrays)
    fit = extract(study.model_copy(update={"models": (study.model(key),), "raw": str(tmp_path)}))
    one, other = features.baselines[key], fit.baselines[key]
    for name in ("entropy", "slope", "autocorrelation", "layer_entropy", "n_tokens"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert other.misaligned_entropy is None
    cut, same = features.calibrations[key], fit.calibrations[key]
    assert np.array_equal(cut.entropy, same.entropy)
    assert (cut.axis, cut.pole, cut.question) == (same.axis, same.pole, same.question)


def test_json_alone_gives_the_projections(root, shared):
    study = load_study(root / "data" / "entropy-2026-02")
    raw = shared("mood-axis/README.md").parent
    found = extract(study.model_copy(update={"raw": str(raw)}))
    assert found.baselines.keys() == PARTICIPATION.keys()
    for key, wanted in PARTICIPATION.items():
        assert f"{dimension(found.baselines[key]):.4f}" == f"{wanted:.4f}"
        assert not found.baselines[key].has_entropy
        assert found.why_missing(key, "baseline") == "missing_capture"
