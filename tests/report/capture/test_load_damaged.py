"""The damaged captures: each gives a clear line, and keeps what is sound."""

from __future__ import annotations

import numpy as np
import pytest

from report.capture.check import inspect
from report.capture.extract import extract

KEY = "smollm2_135m"
NPZ = f"{KEY}_baseline_hidden_states.npz"


@pytest.fixture
def damaged(captures, damaged_capture):
    """Features of one of the damaged captures."""

    def read(name):
        axes = tuple(
            captures.study().axes[0].model_copy(update={"key": key, "positive": key})
            for key in (
                "warm_cold", "patient_irritated", "confident_cautious", "proactive_reluctant",
                "empathetic_analytical", "formal_casual", "verbose_concise",
            )
        )  # fmt: skip
        study = captures.study(KEY, n_questions=30, raw=str(damaged_capture(name)), axes=axes)
        by_model = study.models[0].model_copy(update={"vocabulary": 49152})
        study = study.model_copy(update={"models": (by_model,)})
        found = extract(study)
        reports = inspect(study)
        assert sorted(found.problems, key=str) == sorted(
            (p for report in reports for p in report.problems), key=str
        )
        verdicts = {report.file: report.verdict for report in reports}
        return found, found.baselines[KEY], verdicts

    return read


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [
        ("truncated_npz", "damaged_file", "can't be read"),
        ("object_array", "damaged_file", "holds pickled Python objects"),
        ("json_29_questions", "misaligned", "holds 30 answers, and the JSON lists 29 questions"),
    ],
)
def test_a_useless_npz_leaves_the_json(damaged, name, reason, said):
    found, baseline, verdicts = damaged(name)
    (problem,) = [p for p in found.problems if not p.note]
    assert problem.file == NPZ
    assert said in problem.problem
    assert problem.remedy
    assert problem.costs
    assert found.why_missing(KEY, "baseline") == reason
    assert not baseline.has_entropy
    assert np.isfinite(baseline.projections["warm_cold"]).all()
    assert verdicts[NPZ] == "problem"


def test_offsets_past_the_end_do_not_reach_the_entropies(damaged):
    found, baseline, verdicts = damaged("offsets_past_end")
    (problem,) = [p for p in found.problems if not p.note]
    assert "they end at 4988" in problem.problem
    assert baseline.boundaries == "counts"
    assert np.isfinite(baseline.entropy).all()
    assert verdicts[NPZ] == "problem"


def test_nan_rows_cost_two_questions(damaged):
    found, baseline, verdicts = damaged("nan_logprobs")
    (problem,) = [p for p in found.problems if not p.note]
    assert "row 3 counted from 0" in problem.problem
    assert "row 7 counted from 0" in problem.problem
    assert np.flatnonzero(np.isnan(baseline.entropy)).tolist() == [3, 7]
    assert verdicts[NPZ] == "problem"


def test_constant_axes_are_noted(damaged):
    found, baseline, verdicts = damaged("constant_axis")
    constant = [p.axis for p in found.problems if p.problem.startswith("is constant")]
    assert constant == ["confident_cautious", "formal_casual"]
    assert found.why_missing(KEY, "projections", "formal_casual") == "constant_input"
    assert np.isfinite(baseline.entropy).all()
    assert verdicts[f"{KEY}_baseline.json"] == "note"
