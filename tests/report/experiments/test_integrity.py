"""Data integrity: the published numbers at both n, and wrong slices on real captures."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy import stats as scipy_stats

from report.capture.features import Features, Problem
from report.document.fill import Filler
from report.experiments import behaviour, dimension, generation, integrity
from report.experiments.base import StudyData
from report.ledger.ledger import settle
from report.study.published import Row
from report.study.study import load_study
from stats.outcome import Reason

TOGETHER = (integrity, generation, behaviour, dimension)
EVIDENCE = "integrity.axis-evidence-n.{}.{}.published"


def run(*datas):
    made = {d.study.id: [module.analyse(d) for module in TOGETHER] for d in datas}
    every = [analysis for analyses in made.values() for analysis in analyses]
    ledger = settle([e for a in every for e in a.entries], [f for a in every for f in a.families])
    return ledger, integrity.present(datas, ledger, {})


def filled(root, ledger, section):
    filler = Filler(root / "templates", ledger, section.figures, section.tables)
    return filler.fill("experiments/integrity.qmd.j2", dict(section.facts))


def few(study):
    plan = study.plan.model_copy(update={"n_resamples": 499})
    return study.model_copy(update={"plan": plan})


@pytest.fixture(scope="module")
def published_data(request):
    study = few(load_study(request.config.rootpath / "data" / "entropy-2026-02"))
    return StudyData(study, Features())


@pytest.fixture(scope="module")
def published(published_data):
    return run(published_data)


@pytest.fixture(scope="module")
def ladder_data(request, shipped_features):
    study = few(load_study(request.config.rootpath / "data" / "smollm2"))
    return StudyData(study, shipped_features)


@pytest.fixture(scope="module")
def ladder(ladder_data):
    return run(ladder_data)


# --- the published study ----------------------------------------------------------------


def test_a_second_family_at_the_number_of_questions_supported(published):
    ledger, _ = published
    family = ledger.families["integrity.axis-evidence-n.entropy-2026-02.published"]
    assert (family.m, len(family.members), family.method) == (41, 42, "bh")
    sizes = {ledger[name].model: ledger[name].estimate.n for name in family.members}
    assert sizes == {
        "gemma_9b": 28, "llama_8b": 28, "mistral_7b": 29, "yi_9b": 28, "deepseek_7b": 28,
        "qwen_7b": 28,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "axis", "rho", "n"),
    [("mistral-7b", "warm-cold", -0.53, 29), ("mistral-7b", "formal-casual", 0.58, 29),
     ("yi-9b", "warm-cold", -0.39, 28), ("deepseek-7b", "warm-cold", 0.39, 28)],
)  # fmt: skip
def test_p_at_the_supported_n(published, model, axis, rho, n):
    entry = published[0][EVIDENCE.format(model, axis)]
    t = abs(rho) * np.sqrt((n - 2) / (1 - rho**2))
    assert entry.p == pytest.approx(2 * scipy_stats.t.sf(t, n - 2), rel=1e-10)


def test_no_decision_depends_on_the_number_of_questions(root, published):
    ledger, section = published
    kept = {e.id for e in ledger.select(experiment="integrity") if e.rejected}
    assert kept == {
        EVIDENCE.format("mistral-7b", axis)
        for axis in ("warm-cold", "formal-casual", "proactive-reluctant")
    }
    part = section.facts["published"][0]
    assert part["changed"] == {"bh": [], "holm": [], "by": []}
    text = filled(root, ledger, section)
    assert "No decision after correction depends on it, under any of the rules." in text
    assert "Before correction, too, each of them is decided the same way." in text


def test_a_decision_that_does_depend_is_named(root, published_data):
    study = published_data.study.model_copy()
    tables = dict(study.published)
    tables["integrity_models"] = [
        Row(row | {"n_questions_supported": "12"}) for row in tables["integrity_models"]
    ]
    study.__dict__["transcribed"] = replace(study.transcribed, tables=tables)
    ledger, section = run(StudyData(study, Features()))
    text = filled(root, ledger, section)
    assert "Under BH the decision changes for" in text
    assert "Under Holm the decision changes for entropy and formal–casual in Mistral" in text
    assert "No decision after correction" not in text
    assert "significant at one number of questions only" in text


def test_the_evidence_is_told_in_numbers_of_the_ledger(root, published):
    ledger, section = published
    text = filled(root, ledger, section)
    assert ledger["integrity.answers-lost.qwen-7b.published"].value == 124
    assert "[124](#row-integrity-answers-lost-qwen-7b-published)" in text
    assert "all six recovered values agree" in text
    assert "the sum over the answers in the public JSON files for\nall six models" in text
    assert "the last\ntwo axes and the end of the one before." in text
    assert "In Gemma 2 9B (base) it did find one for patient–irritated" in text
    assert "patient–irritated and proactive–reluctant" in text
    assert "In the order in which the\ncapturing program lists its axes" in text
    assert "it cannot be told" in text


def test_the_published_token_counts_are_those_of_the_json(published_data, shared):
    for row in published_data.published("integrity_models"):
        content = json.loads(shared(f"mood-axis/{row['model']}_baseline.json").read_text("utf-8"))
        total = sum(answer["n_tokens"] for answer in content["responses"])
        assert total == int(row["n_tokens_in_json"])


# --- captures ---------------------------------------------------------------------------


def sliced(npz, offsets):
    """Mean entropy of every answer, straight from the arrays."""
    logs = npz["top_k_logprobs"].astype(float)
    p = np.exp(logs)
    entropy = -np.where(p > 0, p * np.where(np.isfinite(logs), logs, 0), 0).sum(axis=1)
    pieces = [entropy[a:b] for a, b in pairwise(offsets)]
    return np.array([piece.mean() if piece.size else np.nan for piece in pieces])


def test_wrong_slices_of_the_shipped_baselines(root, ladder):
    ledger, _ = ladder
    for key in ("t03", "t07", "t16"):
        raw = root / "data" / "smollm2" / "raw"
        with np.load(raw / f"smollm2_135m_{key}_baseline_hidden_states.npz") as npz:
            listed = json.loads((raw / f"smollm2_135m_{key}_baseline.json").read_text("utf-8"))
            counts = [answer["n_tokens"] for answer in listed["responses"]]
            right = sliced(npz, np.r_[0, np.cumsum(counts)])
            wrong = sliced(npz, npz["token_offsets"])
        name = f"smollm2-135m-{key}"
        assert ledger[f"integrity.lost.{name}"].value == np.isnan(wrong).sum()
        both = ~np.isnan(wrong)
        rho = scipy_stats.spearmanr(right[both], wrong[both]).statistic
        assert ledger[f"integrity.right-wrong.{name}"].value == pytest.approx(rho, abs=1e-9)
        assert ledger[f"integrity.wrong-mean.{name}"].value == pytest.approx(
            wrong[both].mean(), rel=1e-5
        )
    assert ledger["integrity.lost.smollm2-135m-t07"].value == 6
    assert ledger["integrity.right-wrong.smollm2-135m-t07"].value == pytest.approx(0.08, abs=0.01)


def test_wrong_slices_of_the_shipped_calibration(ladder):
    lost = ladder[0]["integrity.lost-calibration.smollm2-135m-t07"]
    assert (lost.value, lost.estimate.n) == (193, 420)
    assert ladder[0]["integrity.axes-lost.smollm2-135m-t07"].value == 3


def test_wrong_correlations_are_those_of_the_wrong_entropies(ladder, ladder_data):
    baseline = ladder_data.features.baselines["smollm2_135m_t10"]
    known = np.isfinite(baseline.misaligned_entropy)
    for axis, values in baseline.projections.items():
        entry = ladder[0][f"integrity.axis-wrong.smollm2-135m-t10.{axis.replace('_', '-')}"]
        other = scipy_stats.spearmanr(baseline.misaligned_entropy[known], values[known])
        assert entry.value == pytest.approx(other.statistic, abs=1e-12)
        assert entry.estimate.n == known.sum() == 24
        assert entry.p == pytest.approx(other.pvalue, abs=0.09)
    assert ladder[0].families["integrity.axis-wrong.smollm2.ladder"].m == 42


def test_the_sections_fill_and_draw(root, published, ladder):
    for ledger, section in (published, ladder):
        text = filled(root, ledger, section)
        assert "nan" not in text.lower().split()
        for figure in section.figures:
            assert f"@fig-{figure.id}" in text
            canvas = Canvas(figsize=figure.size, layout="constrained")
            figure.draw(canvas)
            canvas.draw_without_rendering()
        assert all(f"@tbl-{table.id}" in text for table in section.tables)
    assert "all seven captures the stored offsets point to other rows" in text
    assert section.figures[0].filename == "smollm2/integrity_slicing"


def test_offsets_that_fit_leave_nothing_to_demonstrate(root, ladder_data):
    features = ladder_data.features
    fitting = Features(
        {k: replace(b, misaligned_entropy=None, boundaries="offsets")
         for k, b in features.baselines.items()},
        {k: replace(c, misaligned_entropy=None) for k, c in features.calibrations.items()},
    )  # fmt: skip
    ledger, section = run(StudyData(ladder_data.study, fitting))
    assert not section.figures
    assert not ledger.select(experiment="integrity")
    text = filled(root, ledger, section)
    assert "six by offsets that fit" in text
    assert "point to other rows" not in text


def test_wrong_correlations_without_projections_carry_the_reason(ladder_data):
    key, axis = "smollm2_135m_t07", ladder_data.study.axes[0].key
    baseline = ladder_data.features.baselines[key]
    lost = {**baseline.projections, axis: np.full(30, np.nan)}
    baselines = {**ladder_data.features.baselines, key: replace(baseline, projections=lost)}
    problem = Problem("a.json", axis, "is not in the file", "", "missing_capture", "it", key,
                      "projections", axis=axis)  # fmt: skip
    features = replace(ladder_data.features, baselines=baselines, problems=(problem,))
    ledger, _ = run(StudyData(ladder_data.study, features))
    entry = ledger[f"integrity.axis-wrong.{key}.{axis}".replace("_", "-")]
    assert entry.reason is entry.outcome.reason is Reason.MISSING_CAPTURE


def test_problems_are_listed_with_what_they_cost(root, ladder_data):
    problems = (
        Problem("a|b.npz", "token_offsets", "cut off", "Copy it again.", "damaged_file",
                "its entropy", "smollm2_135m_t03", "baseline"),
        Problem("c.json", "", "clipped", "None needed.", "all_tied", "", "smollm2_135m_t03",
                "projections", note=True),
    )  # fmt: skip
    features = replace(ladder_data.features, problems=problems)
    ledger, section = run(StudyData(ladder_data.study, features))
    text = filled(root, ledger, section)
    assert r"cut off | its entropy | Copy it again\." in text
    assert "clipped" not in text
    assert "Harmless remarks stand in the appendix." in text


def test_a_study_whose_files_are_all_damaged(root, ladder_data):
    problem = Problem(
        "x.npz", "", "cut off", "Copy it again.", "damaged_file", "all", "smollm2_135m_t03",
        "baseline",
    )  # fmt: skip
    ledger, section = run(StudyData(ladder_data.study, Features(problems=(problem,))))
    assert "cut off | all" in filled(root, ledger, section)
