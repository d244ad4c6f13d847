"""Several answers to one question are averaged within it, all of them, and counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from report.capture.check import inspect
from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.capture.read_features import read_features
from report.experiments import calibration, generation
from report.experiments.base import StudyData
from report.ledger.ledger import settle

QUESTIONS, TIMES = 30, 3


def anova(groups: list[np.ndarray]) -> float:
    """ICC(1) by hand, from the sums of squares of a balanced one-way layout."""
    table = np.array(groups)
    q, k = table.shape
    rows, grand = table.mean(axis=1), table.mean()
    ms_between = k * ((rows - grand) ** 2).sum() / (q - 1)
    ms_within = ((table - rows[:, None]) ** 2).sum() / (q * (k - 1))
    return (ms_between - ms_within) / (ms_between + (k - 1) * ms_within)


@pytest.fixture
def study(captures):
    counts = tuple(int(n) for n in np.random.default_rng(3).integers(4, 12, QUESTIONS * TIMES))
    for seed, key in enumerate(("m", "n"), start=1):
        captures.baseline(key, counts=counts, seed=seed)
        path = captures.raw / f"{key}_baseline.json"
        document = json.loads(path.read_text())
        for i, row in enumerate(document["responses"]):
            row["question"] = f"Question {i % QUESTIONS}?"
        path.write_text(json.dumps(document))
    return captures.study("m", "n", n_questions=QUESTIONS)


def parts(captures, entropies, key):
    """Mean entropies of the answers to each question, by another path."""
    document = json.loads((captures.raw / f"{key}_baseline.json").read_text())
    rows = np.load(captures.raw / f"{key}_baseline_hidden_states.npz")["top_k_logprobs"]
    found = np.array(entropies(rows))
    ends = np.cumsum([row["n_tokens"] for row in document["responses"]])
    means = np.array([part.mean() for part in np.split(found, ends[:-1])])
    return [means[q::QUESTIONS] for q in range(QUESTIONS)], int(ends[-1])


def settled(data, experiment=generation):
    analysis = experiment.analyse(data)
    return settle(analysis.entries, analysis.families)


def test_all_answers_are_used_and_n_is_the_number_of_questions(study, captures, entropies):
    data = StudyData(study, extract(study))
    ledger = settled(data)
    for key in ("m", "n"):
        groups, total = parts(captures, entropies, key)
        mean = ledger[f"generation.mean.{key}"]
        assert mean.estimate.n == QUESTIONS
        assert mean.value == pytest.approx(np.mean([g.mean() for g in groups]), rel=1e-6)
        assert ledger[f"generation.answers.{key}"].value == QUESTIONS * TIMES
        assert ledger[f"generation.tokens.{key}"].value == total
        within = np.mean([g.var(ddof=1) for g in groups])
        assert ledger[f"generation.within.{key}"].value == pytest.approx(within, rel=1e-5)
        icc = ledger[f"generation.intraclass.{key}"]
        assert (icc.value, icc.estimate.n) == (pytest.approx(anova(groups), rel=1e-4), QUESTIONS)
    assert ledger["generation.difference.m.n"].estimate.n == QUESTIONS
    (part,) = [t for t in generation.present([data], ledger, {}).tables if "repeats" in t.id]
    assert len(part.rows) == 2


def test_check_and_build_say_the_same_true_count(study):
    said = [p for report in inspect(study) for p in report.problems]
    assert sorted(said, key=str) == sorted(extract(study).problems, key=str)
    counted = [p.problem for p in said if "averaged" in p.problem]
    assert counted == ["90 answers to 30 questions: the answers to one question are averaged"] * 2
    assert not any("30 questions, the study asks" in p.problem for p in said)


def test_layers_projections_and_files_hold_the_means(study, captures, tmp_path):
    features = extract(study)
    baseline = features.baselines["m"]
    document = json.loads((captures.raw / "m_baseline.json").read_text())
    axis = study.axes[0].key
    values = np.array(document["axes"][axis]["values"]).reshape(TIMES, QUESTIONS)
    assert baseline.projections[axis] == pytest.approx(values.mean(axis=0))
    assert baseline.layer_entropy is not None
    assert baseline.layer_entropy.shape[0] == QUESTIONS
    write_features(features, tmp_path / "f")
    assert read_features(tmp_path / "f") == features


def test_calibration_answers_are_averaged_under_each_pole(captures):
    captures.baseline()
    captures.calibration()
    path = captures.raw / "m_calibration_responses.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        number = int(line["question"].split()[1].rstrip("?"))
        line["question"] = f"Question {number // 2}?"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    study = captures.study(n_questions=3)
    features = extract(study)
    found = features.calibrations["m"]
    assert found.n_answers.tolist() == [2] * (len(lines) // 2)
    said = [p.problem for p in features.problems if p.part == "calibration"]
    assert any(f"{len(lines)} answers to {len(lines) // 2} questions" in text for text in said)
    data = StudyData(study, features)
    delta = [e for e in settled(data, calibration).select(quantity="delta") if e.value is not None]
    assert {e.estimate.n for e in delta} == {3}
