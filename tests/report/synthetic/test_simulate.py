"""What is planted is in the files: read here with numpy and scipy alone."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from report.study.study import load_study
from report.synthetic.draw import deviations, pearson, token_entropies, top_k_logprobs
from report.synthetic.simulate import AXES, simulate

QUESTIONS = 500


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the size that the other tests use."""
    folder = tmp_path_factory.mktemp("small")
    simulate(folder, models=3, questions=12, layers=5, hidden=32, seed=7)
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many questions, so that a sample's statistics are near the planted values."""
    folder = tmp_path_factory.mktemp("large")
    simulate(folder, models=2, questions=QUESTIONS, layers=4, hidden=24, seed=8)
    return folder


@pytest.mark.parametrize(
    ("name", "expected"), [("trial", "trial"), ("Second trial_2", "second-trial-2"), ("—", "study")]
)
def test_a_study_is_named_after_its_folder(name, expected, tmp_path):
    """Studies of one seed must not replace each other among the builds."""
    simulate(tmp_path / name, models=1, questions=4, layers=1, hidden=8, seed=1)
    assert load_study(tmp_path / name).id == expected


def planted(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((folder / "planted.toml").read_text(encoding="utf-8"))


def arrays(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    with np.load(folder / "raw" / f"{name}_hidden_states.npz", allow_pickle=False) as file:
        return dict(file)


def baseline(folder: Path, model: str) -> dict[str, Any]:
    return json.loads((folder / "raw" / f"{model}_baseline.json").read_text(encoding="utf-8"))


def calibration(folder: Path, model: str) -> list[dict[str, Any]]:
    path = folder / "raw" / f"{model}_calibration_responses.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def answer_entropies(logprobs: NDArray[Any], counts: list[int]) -> NDArray[np.float64]:
    entropies = stats.entropy(np.exp(logprobs.astype(np.float64)), axis=1)
    parts = np.split(entropies, np.cumsum(counts)[:-1])
    return np.array([part.mean() for part in parts])


def generation(folder: Path, model: str) -> NDArray[np.float64]:
    counts = [answer["n_tokens"] for answer in baseline(folder, model)["responses"]]
    return answer_entropies(arrays(folder, f"{model}_baseline")["top_k_logprobs"], counts)


def projections(folder: Path, model: str) -> NDArray[np.float64]:
    axes = baseline(folder, model)["axes"]
    return np.array([axes[axis]["values"] for axis in AXES])


def histogram_entropy(values: NDArray[Any]) -> float:
    values = values.astype(np.float64)
    bins = np.clip(len(np.histogram_bin_edges(values, "fd")) - 1, 50, 200)
    return float(stats.entropy(np.histogram(values, int(bins))[0]))


# --- layout -----------------------------------------------------------------------------


def test_the_study_is_valid_and_says_that_it_is_synthetic(small: Path) -> None:
    study = load_study(small)
    assert study.synthetic
    assert study.n_questions == 12
    assert study.plan.seed == 7
    assert [m.key for m in study.models] == ["sim_01", "sim_02", "sim_03"]
    assert tuple(a.key for a in study.axes) == AXES


def test_arrays_have_the_layout_of_a_capture(small: Path) -> None:
    for model in ("sim_01", "sim_02", "sim_03"):
        capture, document = arrays(small, f"{model}_baseline"), baseline(small, model)
        counts = np.array([answer["n_tokens"] for answer in document["responses"]])
        rows = int(counts.sum())
        layout = {name: (array.shape, str(array.dtype)) for name, array in capture.items()}
        assert layout == {
            "decay_states": ((12, 32), "float32"),
            "last_token_states": ((12, 32), "float32"),
            "top_k_logprobs": ((rows, 50), "float32"),
            "top_k_ids": ((rows, 50), "int32"),
            "generation_times": ((12,), "float64"),
            "token_offsets": ((13,), "int64"),
            "per_layer_states": ((12, 5, 32), "float16"),
            "token_states": ((int(capture["token_offsets"][-1]), 32), "float16"),
        }
        assert document["n_questions"] == 12
        for axis in document["axes"].values():
            assert axis["mean"] == pytest.approx(np.mean(axis["values"]))
            assert -1 <= axis["min"] <= axis["max"] <= 1
            assert len(axis["values"]) == 12


def test_offsets_count_rows_that_the_candidates_do_not_have(small: Path) -> None:
    capture = arrays(small, "sim_01_baseline")
    counts = np.array([answer["n_tokens"] for answer in baseline(small, "sim_01")["responses"]])
    prompts = np.diff(capture["token_offsets"]) - counts + 1
    assert capture["token_offsets"][0] == 0
    assert prompts.min() >= 20
    assert capture["token_offsets"][-1] > len(capture["top_k_logprobs"])


def test_candidates_fall_and_hold_the_whole_distribution(small: Path) -> None:
    for name in ("sim_01_baseline", "sim_03_baseline", "sim_02_calibration"):
        logprobs = arrays(small, name)["top_k_logprobs"]
        assert not np.isnan(logprobs).any()
        assert np.isneginf(logprobs).mean() > 0.5
        np.testing.assert_allclose(np.exp(logprobs).sum(axis=1), 1, atol=1e-5)
        probabilities = np.exp(logprobs)
        assert (np.diff(probabilities, axis=1) <= 0).all()
        assert 0.2 < (probabilities[:, 0] == 1).mean() < 0.5


def test_calibration_rows_stand_axis_by_axis_with_the_same_questions(small: Path) -> None:
    answers = calibration(small, "sim_01")
    assert [(a["axis"], a["pole"]) for a in answers] == [
        (axis, pole) for axis in AXES for pole in ("positive", "negative") for _ in range(12)
    ]
    questions = [a["question"] for a in answers]
    assert questions == questions[:12] * 14
    assert questions[:12] == [a["question"] for a in baseline(small, "sim_01")["responses"]]
    capture = arrays(small, "sim_01_calibration")
    assert sum(a["n_tokens"] for a in answers) == len(capture["top_k_logprobs"])
    assert capture["token_offsets"].shape == (169,)
    assert not (small / "raw" / "sim_03_calibration_responses.jsonl").exists()


def test_the_same_seed_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    again = tmp_path / small.name
    simulate(again, models=3, questions=12, layers=5, hidden=32, seed=7)
    names = sorted(path.relative_to(small) for path in small.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for name in names:
        assert (small / name).read_bytes() == (again / name).read_bytes(), name


def test_another_seed_gives_another_study(small: Path, tmp_path: Path) -> None:
    simulate(tmp_path, models=3, questions=12, layers=5, hidden=32, seed=9)
    assert not np.array_equal(projections(small, "sim_01"), projections(tmp_path, "sim_01"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("models", 0), ("questions", 3), ("layers", 0), ("hidden", 7), ("seed", -1)],
)
def test_a_size_that_is_too_small_is_refused(tmp_path: Path, name: str, value: int) -> None:
    sizes = {"models": 1, "questions": 4, "layers": 1, "hidden": 8, "seed": 0} | {name: value}
    with pytest.raises(ValueError, match=name):
        simulate(tmp_path, **sizes)


def test_the_smallest_study_can_be_made(tmp_path: Path) -> None:
    simulate(tmp_path, models=1, questions=4, layers=1, hidden=8, seed=0)
    assert load_study(tmp_path).models[0].key == "sim_01"


# --- the parts --------------------------------------------------------------------------


def test_answers_have_exactly_the_mean_entropy_asked_for() -> None:
    rng = np.random.default_rng(1)
    means, counts = np.array([0.001, 0.3, 1.5, 3.0, 3.7, 0.5]), np.array([20, 7, 40, 9, 12, 1])
    logprobs = top_k_logprobs(token_entropies(means, counts, rng))
    np.testing.assert_allclose(answer_entropies(logprobs, counts.tolist()), means, atol=1e-6)


def test_pearson_gives_the_spearman_correlation_of_normal_variables() -> None:
    assert pearson(1) == pytest.approx(1)
    assert pearson(0) == 0
    r = pearson(-0.7)
    x, y = np.random.default_rng(2).multivariate_normal([0, 0], [[1, r], [r, 1]], 20_000).T
    assert stats.spearmanr(x, y).statistic == pytest.approx(-0.7, abs=0.015)


def test_more_dimensions_than_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="sign"):
        deviations(4.0, np.zeros(3), np.ones(3, dtype=bool))


# --- what is planted --------------------------------------------------------------------


def test_planted_correlations_with_generation_entropy_are_there(large: Path) -> None:
    declared = {(p["model"], p["axis"]): p["rho"] for p in planted(large)["behaviour"]}
    assert len(declared) == 4
    for model in ("sim_01", "sim_02"):
        entropy = generation(large, model)
        for axis, values in zip(AXES, projections(large, model), strict=True):
            if np.ptp(values) > 0:
                rho = stats.spearmanr(entropy, values).statistic
                # Five standard errors at zero correlation.
                expected = declared.get((model, axis), 0.0)
                assert rho == pytest.approx(expected, abs=5 / QUESTIONS**0.5), (model, axis)


def test_planted_means_and_effective_dimensions_are_there(large: Path) -> None:
    models = planted(large)["models"]
    for model in models:
        entropy = generation(large, model["key"])
        assert entropy.mean() == pytest.approx(model["entropy_mean_nats"], rel=0.03)
        roots = np.linalg.eigvalsh(np.cov(projections(large, model["key"])))
        dimension = roots.sum() ** 2 / (roots**2).sum()
        assert dimension == pytest.approx(model["effective_dimension"], rel=0.06)
    for name in ("entropy_mean_nats", "effective_dimension"):
        assert [m[name] for m in models] == sorted(m[name] for m in models)


def test_one_axis_of_one_model_is_constant(large: Path) -> None:
    constant = planted(large)["constant"]
    assert len(constant) == 1
    for model in ("sim_01", "sim_02"):
        for axis, values in zip(AXES, projections(large, model), strict=True):
            planted_here = (model, axis) == (constant[0]["model"], constant[0]["axis"])
            assert (np.ptp(values) == 0) == planted_here
            if planted_here:
                assert values[0] == constant[0]["value"]


def test_the_planted_peaks_are_where_they_are_declared(large: Path) -> None:
    declared = {
        (p["model"], p["axis"]): (p["layer"], p["rho"]) for p in planted(large)["signature"]
    }
    assert len(declared) == 2
    for model in ("sim_01", "sim_02"):
        states = arrays(large, f"{model}_baseline")["per_layer_states"]
        assert np.isfinite(states).all()
        entropy = np.apply_along_axis(histogram_entropy, 2, states)
        for axis, values in zip(AXES, projections(large, model), strict=True):
            if np.ptp(values) == 0:
                continue
            peak, planted_rho = declared.get((model, axis), (-1, 0.0))
            for layer in range(entropy.shape[1]):
                rho = stats.spearmanr(entropy[:, layer], values).statistic
                expected = planted_rho if layer == peak else 0.0
                assert rho == pytest.approx(expected, abs=5 / QUESTIONS**0.5), (axis, layer)


def test_the_planted_pole_difference_is_there_and_no_other(large: Path) -> None:
    declared = {(p["model"], p["axis"]): p["delta_nats"] for p in planted(large)["calibration"]}
    assert set(declared) == {("sim_01", "formal_casual")}
    answers = calibration(large, "sim_01")
    logprobs = arrays(large, "sim_01_calibration")["top_k_logprobs"]
    entropy = answer_entropies(logprobs, [answer["n_tokens"] for answer in answers])
    for axis, poles in zip(AXES, entropy.reshape(7, 2, QUESTIONS), strict=True):
        difference = poles[0] - poles[1]
        error = difference.std() / QUESTIONS**0.5
        expected = declared.get(("sim_01", axis), 0.0)
        assert difference.mean() == pytest.approx(expected, abs=5 * error), axis


def test_activation_profiles_differ_between_models(small: Path) -> None:
    profiles = [
        np.apply_along_axis(
            histogram_entropy, 2, arrays(small, f"{model}_baseline")["per_layer_states"]
        ).mean(axis=0)
        for model in ("sim_01", "sim_02", "sim_03")
    ]
    for i, first in enumerate(profiles):
        for second in profiles[:i]:
            assert np.abs(first - second).max() > 0.3
