from __future__ import annotations

import json

import numpy as np
import pytest

from report.capture.extract import extract
from stats.outcome import Reason


def problems(features, part):
    return [p for p in features.problems if p.part == part]


def per_answer(values, counts):
    ends = np.cumsum(counts)
    return [float(np.mean(values[e - n : e])) for e, n in zip(ends, counts, strict=True)]


@pytest.mark.parametrize("offsets", ["prompts", "fit", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entropies_are_those_of_the_definition_in_every_layout(captures, entropies, offsets, dtype):
    stored = captures.baseline(offsets=offsets)
    rows = stored["top_k_logprobs"].astype(dtype)
    captures.baseline(offsets=offsets, arrays={"top_k_logprobs": rows})
    found = extract(captures.study()).baselines["m"]
    assert found.entropy == pytest.approx(per_answer(entropies(rows), found.n_tokens), abs=1e-12)
    assert found.boundaries == "counts"
    assert found.filtered
    assert found.n_tokens.tolist() == [5, 3, 7, 4, 6, 5]
    assert np.array_equal(found.entropy, found.entropy_low)
    assert (found.misaligned_entropy is None) == (offsets != "prompts")


def test_wrong_offsets_show_what_would_be_lost(captures, entropies):
    stored = captures.baseline(offsets="prompts")
    found = extract(captures.study()).baselines["m"]
    tokens, offsets = entropies(stored["top_k_logprobs"]), stored["token_offsets"]
    assert found.misaligned_entropy is not None
    for wrong, start, end in zip(found.misaligned_entropy, offsets[:-1], offsets[1:], strict=True):
        cut = tokens[start:end]
        assert np.isnan(wrong) if not cut else wrong == pytest.approx(np.mean(cut))
    assert np.isnan(found.misaligned_entropy).sum() == 3


def test_scores_that_were_not_filtered_get_bounds(captures):
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((30, 100))
    every = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    truth = -(np.exp(every) * every).sum(axis=1)
    top = -np.sort(-every, axis=1)[:, :20]
    captures.baseline(
        arrays={
            "top_k_logprobs_raw": top.astype(np.float32),
            "entropy_full": truth.astype(np.float32),
        }
    )
    found = extract(captures.study()).baselines["m"]
    assert found.unfiltered is not None
    assert found.unfiltered.n_inside.tolist() == found.n_tokens.tolist()
    assert found.unfiltered.entropy_full == pytest.approx(per_answer(truth, found.n_tokens))
    assert (found.unfiltered.entropy_low < found.unfiltered.entropy_full).all()
    assert (found.unfiltered.entropy_full < found.unfiltered.entropy_high).all()
    captures.baseline(arrays={"top_k_logprobs": top.astype(np.float32)})
    bounded = extract(captures.study()).baselines["m"]
    assert not bounded.filtered
    assert np.array_equal(bounded.entropy_high, found.unfiltered.entropy_high)


def test_an_unknown_vocabulary_leaves_the_upper_bound_open_and_says_so(captures):
    captures.baseline(arrays={"top_k_logprobs": np.full((30, 4), np.log(0.2))})
    study = captures.study()
    nameless = study.model_copy(
        update={"models": (study.models[0].model_copy(update={"vocabulary": None}),)}
    )
    found = extract(nameless)
    assert np.isnan(found.baselines["m"].entropy_high).all()
    assert any("vocabulary" in p.problem and p.note for p in problems(found, "baseline"))
    small = study.model_copy(
        update={"models": (study.models[0].model_copy(update={"vocabulary": 3}),)}
    )
    assert any("gives a vocabulary of 3" in p.problem for p in extract(small).problems)


def test_nan_tokens_cost_their_questions_and_nothing_else(captures):
    stored = captures.baseline()
    rows = stored["top_k_logprobs"].copy()
    rows[6, 2] = np.nan
    captures.baseline(arrays={"top_k_logprobs": rows})
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert np.flatnonzero(np.isnan(baseline.entropy)).tolist() == [1]
    assert np.isnan(baseline.slope[1])
    assert np.isnan(baseline.autocorrelation[1])
    assert baseline.running_entropy is not None
    assert np.isfinite(baseline.running_entropy).all()
    (problem,) = [p for p in problems(found, "baseline") if not p.note]
    assert "question 2 (row 1 counted from 0)" in problem.problem
    assert (problem.reason, problem.costs) == (Reason.NON_FINITE, "the entropy of one answer")


def test_answers_of_one_token_have_an_entropy_but_no_course(captures):
    captures.baseline(counts=(1, 2, 9, 0, 6, 5))
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert np.isnan(baseline.entropy).tolist() == [False] * 3 + [True] + [False] * 2
    assert np.isnan(baseline.slope[:2]).tolist() == [True, False]
    assert np.isnan(baseline.autocorrelation[:2]).all()
    said = [p.problem for p in problems(found, "baseline")]
    assert any("no tokens in question 4" in text for text in said)
    assert any("too few tokens" in text and "question 2" in text for text in said)


def test_float16_overflow_costs_its_layers(captures):
    states = captures.baseline()["per_layer_states"].copy()
    states[2, 1, 5] = np.inf
    captures.baseline(arrays={"per_layer_states": states})
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert baseline.layer_entropy is not None
    assert np.argwhere(np.isnan(baseline.layer_entropy)).tolist() == [[2, 1]]
    assert baseline.spectral_entropy is not None
    assert np.isnan(baseline.spectral_entropy).tolist() == [False, True, False]
    (problem,) = problems(found, "layers")
    assert "in layer 1" in problem.problem
    assert found.why_missing("m", "layers") is Reason.NON_FINITE


def test_states_of_one_number_cost_what_needs_them(captures):
    """As where an array was made and never filled."""
    states = captures.baseline()["per_layer_states"].copy()
    states[2, 1] = 0.0
    states[4] = 3.0
    captures.baseline(arrays={"per_layer_states": states})
    found = extract(captures.study())
    (problem,) = [p for p in found.problems if p.field == "per_layer_states"]
    assert "one number in all places of 4 of 18 states, in layer 0" in problem.problem
    lost = np.isnan(found.baselines["m"].layer_entropy)
    assert np.argwhere(lost).tolist() == [[2, 1], [4, 0], [4, 1], [4, 2]]
    assert np.isnan(found.baselines["m"].spectral_entropy).tolist() == [False, True, False]


def test_states_that_were_never_written_are_no_states(captures):
    captures.baseline(arrays={"per_layer_states": np.zeros((6, 3, 4), dtype=np.float32)})
    found = extract(captures.study())
    (problem,) = [p for p in found.problems if p.field == "per_layer_states"]
    assert "one number (0, as where nothing was written) in all places of 18" in problem.problem
    assert np.isnan(found.baselines["m"].layer_entropy).all()
    assert found.why_missing("m", "layers") is Reason.CONSTANT_INPUT


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"per_layer_states": None}, "is not in the file"),
        ({"per_layer_states": np.zeros((6, 3))}, "not floats in 3 dimensions"),
    ],
)
def test_missing_layer_states_cost_the_layers_only(captures, arrays, said):
    captures.baseline(arrays=arrays)
    found = extract(captures.study())
    assert found.baselines["m"].has_entropy
    assert found.baselines["m"].layer_entropy is None
    (problem,) = problems(found, "layers")
    assert said in problem.problem


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [({"top_k_logprobs": None}, Reason.MISSING_CAPTURE),
     ({"top_k_logprobs": np.zeros(30)}, Reason.DAMAGED_FILE)],
)  # fmt: skip
def test_missing_log_probabilities_cost_the_entropy_only(captures, arrays, reason):
    captures.baseline()
    whole = extract(captures.study()).baselines["m"]
    captures.baseline(arrays=arrays)
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert not baseline.has_entropy
    assert found.why_missing("m", "baseline") is reason
    np.testing.assert_array_equal(baseline.layer_entropy, whole.layer_entropy)
    np.testing.assert_array_equal(baseline.spectral_entropy, whole.spectral_entropy)
    assert [p for p in problems(found, "baseline") if not p.note]


def test_counts_of_another_run_cost_the_layers_too(captures):
    captures.baseline(offsets="none")
    path = captures.raw / "m_baseline.json"
    document = json.loads(path.read_text())
    document["responses"][0]["n_tokens"] += 1
    path.write_text(json.dumps(document))
    found = extract(captures.study())
    assert found.baselines["m"].layer_entropy is None
    assert found.why_missing("m", "layers") is Reason.MISALIGNED


def test_arrays_that_disagree_on_the_number_of_answers_are_not_paired(captures):
    captures.baseline(arrays={"per_layer_states": np.zeros((5, 3, 4))})
    found = extract(captures.study())
    assert not found.baselines["m"].has_entropy
    assert found.why_missing("m", "baseline") is Reason.MISALIGNED
    assert found.why_missing("m", "layers") is Reason.MISALIGNED


def test_a_json_of_another_length_is_never_paired_by_position(captures):
    captures.baseline(counts=(5, 3, 7, 4, 6, 5))
    json_path = captures.raw / "m_baseline.json"
    document = json.loads(json_path.read_text())
    document["responses"].pop()
    for axis in document["axes"].values():
        axis["values"].pop()
    json_path.write_text(json.dumps(document))
    found = extract(captures.study())
    baseline = found.baselines["m"]
    assert baseline.n_questions == 5
    assert not baseline.has_entropy
    assert baseline.layer_entropy is None
    assert all(np.isfinite(v).all() for v in baseline.projections.values())
    assert any(
        p.problem == "holds 6 answers, and the JSON lists 5 questions" and not p.note
        for p in found.problems
    )


def test_without_responses_only_offsets_that_fit_help(captures):
    captures.baseline(offsets="fit", document={"responses": None})
    found = extract(captures.study()).baselines["m"]
    assert (found.boundaries, found.has_entropy) == ("offsets", True)
    captures.baseline(offsets="prompts", document={"responses": None})
    lost = extract(captures.study())
    assert not lost.baselines["m"].has_entropy
    assert lost.why_missing("m", "baseline") is Reason.MISALIGNED
    # Nothing speaks against the order of the questions, and layers need no rows of tokens.
    assert lost.baselines["m"].layer_entropy is not None


def test_constant_saturated_missing_and_broken_axes_are_told_apart(captures):
    values = {"warm_cold": [0.25] * 6, "formal_casual": [1, -1, 0.5, 0, 0.1, 1], "own": [1] * 6}
    axes = {axis: {"values": v} for axis, v in values.items()}
    captures.baseline(document={"axes": axes})
    found = extract(captures.study())
    said = {(p.axis, p.problem): p for p in problems(found, "projections")}
    assert said["warm_cold", "is constant: all 6 values are 0.25"].note
    assert said["", "values clipped at ±1: formal_casual 50%"].note
    assert said["", "holds axes that study.toml does not name: own"].note
    assert not said["verbose_concise", "is not in the file"].note
    assert found.why_missing("m", "projections", "warm_cold") is Reason.CONSTANT_INPUT
    assert found.why_missing("m", "projections", "verbose_concise") is Reason.MISSING_CAPTURE
    projections = found.baselines["m"].projections
    assert list(projections) == ["warm_cold", "formal_casual", "verbose_concise"]
    assert np.isnan(projections["verbose_concise"]).all()


def test_questions_asked_twice_and_wrong_declarations_are_noticed(captures):
    captures.baseline(document={"n_questions": 7})
    path = captures.raw / "m_baseline.json"
    document = json.loads(path.read_text())
    document["responses"][1]["question"] = "Question 0?"
    document["axes"]["warm_cold"]["values"][3] = None
    path.write_text(json.dumps(document))
    said = [p.problem for p in extract(captures.study()).problems]
    assert "says 7, the file lists 6" in said
    assert any(text.startswith("6 answers to 5 questions: ") for text in said)
    assert "no finite value for question 4" in said


def test_answers_to_the_same_question_are_averaged(captures):
    logprobs = captures.baseline()["top_k_logprobs"]
    captures.baseline(
        arrays={"top_k_logprobs": logprobs, "top_k_logprobs_raw": logprobs,
                "entropy_full": np.ones(30)},
    )  # fmt: skip
    whole = extract(captures.study()).baselines["m"]
    path = captures.raw / "m_baseline.json"
    document = json.loads(path.read_text())
    document["responses"][4]["question"] = "Question 1?"
    path.write_text(json.dumps(document))
    found = extract(captures.study()).baselines["m"]
    assert found.questions == tuple(f"Question {i}?" for i in (0, 1, 2, 3, 5))

    def means(values):
        values = np.asarray(values, dtype=np.float64)
        known = [np.nanmean(values[[1, 4]], axis=0)]  # of what has no course, the other is left
        return np.array([values[0], *known, *values[[2, 3, 5]]])

    for name in ("n_tokens", "n_words", "entropy", "entropy_high", "slope", "layer_entropy",
                 "layer_entropy_fixed", "misaligned_entropy"):  # fmt: skip
        np.testing.assert_allclose(getattr(found, name), means(getattr(whole, name)))
    inside = whole.unfiltered.n_inside
    assert found.unfiltered.n_inside.tolist() == [
        inside[0],
        inside[1] + inside[4],
        *inside[[2, 3, 5]],
    ]
    assert found.n_answers.tolist() == [1, 2, 1, 1, 1]
    for axis, values in whole.projections.items():
        np.testing.assert_allclose(found.projections[axis], means(values))
    assert not np.array_equal(found.spectral_entropy, whole.spectral_entropy)


@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize(
    "held", [("warm_cold",), ("verbose_concise",), ("warm_cold", "verbose_concise")]
)
def test_calibration_labels_come_from_the_lines_that_the_npz_holds(
    captures, entropies, held, alternate
):
    kept, rows = captures.calibration(held=held, alternate=alternate)
    found = extract(captures.study())
    calibration = found.calibrations["m"]
    counts = [line["n_tokens"] for line in kept]
    assert list(calibration.axis) == [line["axis"] for line in kept]
    assert list(calibration.pole) == [line["pole"] for line in kept]
    assert list(calibration.question) == [line["question"] for line in kept]
    assert calibration.entropy == pytest.approx(per_answer(entropies(rows), counts))
    gone = [p for p in problems(found, "calibration") if p.axis]
    assert {p.axis for p in gone} == {"warm_cold", "formal_casual", "verbose_concise"} - set(held)
    assert all("a later run overwrote the NPZ" in p.problem for p in gone)
    assert found.why_missing("m", "calibration", gone[0].axis) is Reason.MISSING_CAPTURE


def test_axes_without_answers_are_reported(captures):
    captures.calibration(axes=("warm_cold", "unheard_of"))
    said = {p.axis: p.problem for p in problems(extract(captures.study()), "calibration")}
    assert said["formal_casual"] == "there are no answers on this axis"
    assert said["verbose_concise"] == "there are no answers on this axis"
    assert "unheard_of" in said[""]


def test_a_selection_that_is_not_unique_is_refused(captures):
    captures.calibration(held=("warm_cold",), count=4)
    found = extract(captures.study())
    assert not found.calibrations
    assert found.why_missing("m", "calibration") is Reason.MISALIGNED


def test_answers_with_the_same_labels_are_averaged(captures, entropies):
    kept, rows = captures.calibration()
    path = captures.raw / "m_calibration_responses.jsonl"
    kept[1]["question"] = kept[0]["question"]
    kept[7]["pole"] = "positive"
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    found = extract(captures.study())
    calibration = found.calibrations["m"]
    counts = [line["n_tokens"] for line in kept]
    means = per_answer(entropies(rows), counts)
    assert calibration.entropy == pytest.approx([(means[0] + means[1]) / 2, *means[2:]])
    assert calibration.n_tokens.tolist() == [(counts[0] + counts[1]) / 2, *counts[2:]]
    assert calibration.question[0] == "Question 0?"
    said = [p.problem for p in problems(found, "calibration")]
    assert any("36 answers to 35 questions" in text for text in said)
    assert any("not 6 answers in warm_cold, negative: 5" in text for text in said)


@pytest.mark.parametrize("position", [0, 7, 35])
@pytest.mark.parametrize("offsets", ["prompts", "fit"])
def test_a_line_that_can_not_be_read_costs_one_answer(captures, entropies, position, offsets):
    kept, rows = captures.calibration(offsets=offsets)
    path = captures.raw / "m_calibration_responses.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[position] = lines[position][:40]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = extract(captures.study())
    calibration = found.calibrations["m"]
    means = per_answer(entropies(rows), [line["n_tokens"] for line in kept])
    others = [i for i in range(len(kept)) if i != position]
    assert calibration.entropy == pytest.approx([means[i] for i in others])
    assert list(calibration.axis) == [kept[i]["axis"] for i in others]
    (problem,) = [p for p in problems(found, "calibration") if p.costs == "one answer"]
    assert (problem.field, problem.reason) == (f"line {position + 1}", "damaged_file")


def test_a_line_that_can_not_be_read_costs_the_capture_where_lines_and_answers_do_not_match(
    captures,
):
    captures.calibration(held=("warm_cold",))
    path = captures.raw / "m_calibration_responses.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0][:40], *lines[1:]]) + "\n", encoding="utf-8")
    found = extract(captures.study())
    assert not found.calibrations
    assert found.why_missing("m", "calibration") is Reason.DAMAGED_FILE


def test_one_bad_file_costs_its_own_rows(captures):
    for key in ("m", "n"):
        captures.baseline(key, seed=ord(key))
        captures.calibration(key)
    study = captures.study("m", "n")
    whole = extract(study)
    (captures.raw / "m_baseline_hidden_states.npz").write_bytes(b"PK\x03\x04")
    found = extract(study)
    assert found.baselines["n"] == whole.baselines["n"]
    assert found.calibrations == whole.calibrations
    assert not found.baselines["m"].has_entropy
    assert found.baselines["m"].projections.keys() == whole.baselines["m"].projections.keys()
    assert found.why_missing("m", "baseline") is Reason.DAMAGED_FILE
    assert found.why_missing("n", "calibration") is Reason.MISSING_CAPTURE


@pytest.mark.parametrize(
    "name",
    [
        "m_baseline.json",
        "m_baseline_hidden_states.npz",
        "m_calibration_responses.jsonl",
        "m_calibration_hidden_states.npz",
    ],
)
def test_half_a_capture_is_a_problem_and_none_is_a_note(captures, name):
    captures.baseline()
    captures.calibration()
    (captures.raw / name).unlink()
    found = extract(captures.study("m", "absent"))
    of_m = [p for p in found.problems if p.model == "m" and p.problem == "the file is missing"]
    assert [(p.file, p.note) for p in of_m] == [(name, False)]
    absent = [p for p in found.problems if p.model == "absent"]
    assert len(absent) == 2
    assert all(p.note and p.costs for p in absent)


def test_a_damaged_axes_file_costs_nothing(captures):
    captures.baseline()
    whole = extract(captures.study())
    vectors = {name: np.ones(4) for name in ("warm_cold", "formal_casual")}
    np.savez(captures.raw / "m_axes.npz", _axes=np.array(list(vectors)), **vectors)
    (problem,) = problems(extract(captures.study()), "axes")
    assert (problem.problem, problem.note) == ("lacks verbose_concise", True)
    np.savez(captures.raw / "m_axes.npz", warm_cold=np.ones(4))
    found = extract(captures.study())
    (problem,) = problems(found, "axes")
    assert (problem.costs, problem.note) == ("", False)
    assert found.baselines == whole.baselines


def test_a_study_without_captures_says_so_once(captures):
    found = extract(captures.study("m", "n"))
    assert (found.origin, dict(found.baselines), found.inputs) == ("none", {}, ())
    (problem,) = found.problems
    assert (problem.problem, problem.note) == ("there are no captures", False)


def test_a_study_of_published_numbers_needs_no_captures(captures):
    (captures.folder / "published").mkdir()
    (captures.folder / "published" / "own.csv").write_text("model\n", encoding="utf-8")
    (problem,) = extract(captures.study("m")).problems
    assert (problem.problem, problem.note) == ("there are no captures", True)


def test_processes_change_nothing_and_progress_counts(captures):
    keys = ("m", "n")
    for key in keys:
        captures.baseline(key, seed=ord(key))
    steps = []
    study = captures.study(*keys)
    alone = extract(study, progress=lambda *step: steps.append(step))
    assert steps == [("M", 1, 2), ("N", 2, 2)]
    assert extract(study, jobs=2) == alone
    assert [item["file"] for item in alone.inputs] == [
        f"{key}_{end}" for key in keys for end in ("baseline.json", "baseline_hidden_states.npz")
    ]
    assert alone.inputs[1]["arrays"]["token_offsets"] == {"shape": [7], "dtype": "int64"}


def test_a_model_without_a_baseline_is_not_asked_for_one(captures):
    captures.calibration()
    study = captures.study()
    only = study.models[0].model_copy(update={"in_baseline": False})
    found = extract(study.model_copy(update={"models": (only,)}))
    assert not found.baselines
    assert found.calibrations
    assert not problems(found, "baseline")
