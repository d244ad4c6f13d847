from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy.stats import spearmanr

from report.capture.features import Baseline, Features, Problem
from report.document.fill import Filler
from report.experiments import signature
from report.experiments.base import StudyData
from report.ledger.ledger import settle
from report.study.study import load_study
from stats.outcome import Reason

ROOT = Path(__file__).resolve().parents[3]


def made(data):
    analysis = signature.analyse(data)
    return settle(analysis.entries, analysis.families), {data.study.id: analysis.arrays}


def filled(studies, ledger, arrays):
    section = signature.present(studies, ledger, arrays)
    filler = Filler(ROOT / "templates", ledger, section.figures, section.tables)
    return section, filler.fill("experiments/signature.qmd.j2", section.facts)


def ladder(n_resamples=199):
    study = load_study(ROOT / "data/smollm2")
    plan = study.plan.model_copy(update={"n_resamples": n_resamples})
    return study.model_copy(update={"plan": plan})


def baseline(model, layers, projections, questions=None):
    """Make a baseline of which only layers (Q, L) and projections matter."""
    n = len(layers)
    nothing = np.full(n, np.nan)
    return Baseline(
        model.key, questions or tuple(f"Question {i}?" for i in range(n)), np.ones(n, int),
        np.ones(n, int), projections, nothing, nothing, nothing, nothing, nothing, nothing, True,
        "counts", layer_entropy=layers,
    )  # fmt: skip


def planted(n_models=2, seed=3, n=30, n_layers=12):
    """Make models that share one planted peak: layer 4 goes with the first axis."""
    study, rng = ladder(), np.random.default_rng(seed)
    baselines = {}
    for model in study.models[:n_models]:
        layers = rng.normal(2, 0.2, (n, n_layers))
        projections = {axis.key: rng.normal(0, 0.2, n) for axis in study.axes}
        projections["warm_cold"] = -layers[:, 4] + rng.normal(0, 0.02, n)
        baselines[model.key] = baseline(model, layers, projections)
    return study, baselines


def drawn(section):
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


@pytest.fixture(scope="module")
def published():
    data = StudyData(load_study(ROOT / "data/entropy-2026-02"), Features())
    return data, *made(data)


@pytest.fixture(scope="module")
def measured(shipped_features):
    study = ladder()
    data = StudyData(study, shipped_features)
    return data, *made(data)


# --- published numbers ------------------------------------------------------------------


def test_a_peak_of_38_among_29_layers_is_no_evidence(published):
    _, ledger, _ = published
    alone = ledger["signature.peak-unsearched.qwen-7b.warm-cold.published"]
    assert alone.value == -0.38
    assert alone.p == pytest.approx(0.038, abs=5e-4)
    peak = ledger["signature.peak.qwen-7b.warm-cold.published"]
    assert peak.layer == 27
    assert peak.p == 1.0
    assert peak.rejected is False


def test_bound_is_the_number_of_layers_times_p(published):
    _, ledger, _ = published
    alone = ledger["signature.peak-unsearched.llama-8b.verbose-concise.published"]
    peak = ledger["signature.peak.llama-8b.verbose-concise.published"]
    assert peak.p == pytest.approx(33 * alone.p)


def test_family_counts_every_peak_but_the_constant_one(published):
    _, ledger, _ = published
    family = ledger.families["signature.peaks.entropy-2026-02.published"]
    assert len(family.members) == 42
    assert family.m == 41
    constant = ledger["signature.peak.deepseek-7b.proactive-reluctant.published"]
    assert constant.reason is Reason.CONSTANT_INPUT


def test_nominal_significance_agrees_with_the_studys_stars(published):
    data, ledger, _ = published
    for row in data.published("peaks"):
        name = f"signature.peak-unsearched.{row['model']}.{row['axis']}.published"
        p = ledger[name.replace("_", "-")].p
        assert (p is not None and p < 0.05) == (row["starred"] == "true")


def test_published_part_is_complete(published):
    data, ledger, arrays = published
    section, text = filled([data], ledger, arrays)
    assert [f.filename for f in section.figures] == [
        "entropy-2026-02/combined_peak_positions_published"
    ]
    assert len(section.tables[0].rows) == 42
    assert "The strongest is proactive–reluctant in Gemma 2 9B" in text
    assert "No peaks were published for Phi-4 14B" in text
    assert "that the study stars" in text
    assert "no peak for proactive–reluctant in DeepSeek 7B" in text
    drawn(section)


def test_unpublished_peaks_count_in_the_family():
    study = load_study(ROOT / "data/entropy-2026-02")
    tables = dict(study.published)
    tables["peaks"] = [row for row in tables["peaks"] if row["axis"] != "warm_cold"]
    study.__dict__["transcribed"] = replace(study.transcribed, tables=tables)
    ledger, _ = made(StudyData(study, Features()))
    gone = ledger["signature.peak.qwen-7b.warm-cold.published"]
    assert gone.reason is Reason.NOT_PUBLISHED
    assert ledger.families["signature.peaks.entropy-2026-02.published"].m == 41


# --- captures ---------------------------------------------------------------------------


def test_every_pair_has_its_entries(measured):
    data, ledger, _ = measured
    for quantity in ("peak", "peak-unsearched", "peak-depth", "peak-share"):
        assert len(ledger.select(quantity=quantity)) == 42
    assert ledger.families["signature.peaks.smollm2.ladder"].m == 42
    assert ledger.families["signature.strongest.smollm2.ladder"].m == 6
    assert ledger.families["signature.similarities.smollm2.ladder"].m == 15
    assert data.study.n_questions == ledger["signature.peak.smollm2-135m-t07.warm-cold"].estimate.n


def test_peaks_are_the_largest_correlations_of_scipy(measured):
    data, ledger, _ = measured
    for model in data.study.models[:2]:
        features = data.features.baselines[model.key]
        for axis in data.study.axes:
            rho = [
                spearmanr(layer, features.projections[axis.key]).statistic
                for layer in features.layer_entropy.T
            ]
            entry = ledger[f"signature.peak.{model.slug}.{axis.key.replace('_', '-')}"]
            assert entry.layer == int(np.argmax(np.abs(rho)))
            assert entry.value == pytest.approx(rho[entry.layer])


def test_search_never_makes_p_smaller(measured):
    _, ledger, _ = measured
    for peak in ledger.select(quantity="peak"):
        alone = ledger[peak.id.replace(".peak.", ".peak-unsearched.")]
        assert peak.p >= alone.p
        assert peak.p_adjusted["maxt"] >= peak.p


def test_search_is_accounted_for_by_the_permutations_themselves(measured):
    data, ledger, _ = measured
    model, axis = data.study.models[0], "verbose_concise"
    features = data.features.baselines[model.key]
    orders = data.draws.permutations(model.key, 30)
    maxima = [
        np.abs(spearmanr(features.layer_entropy, features.projections[axis][o]).statistic[:-1, -1])
        .max()
        for o in orders
    ]  # fmt: skip
    entry = ledger["signature.peak.smollm2-135m-t03.verbose-concise"]
    reached = sum(m >= abs(entry.value) - 1e-10 for m in maxima)
    assert entry.p == pytest.approx((reached + 1) / (len(orders) + 1))


def test_place_of_a_peak_is_resampled_with_the_questions(measured):
    data, ledger, _ = measured
    model, axis = data.study.models[1], "formal_casual"
    features = data.features.baselines[model.key]
    counts = data.draws.counts(model.key, 30)
    peaks = []
    for c in counts:
        rows = np.repeat(np.arange(30), c)
        rho = spearmanr(features.layer_entropy[rows], features.projections[axis][rows]).statistic
        peaks.append(int(np.abs(rho[:-1, -1]).argmax()))
    share = ledger["signature.peak-share.smollm2-135m-t05.formal-casual"]
    assert share.value == pytest.approx(np.bincount(peaks).max() / len(counts), abs=0.011)
    depth = ledger["signature.peak-depth.smollm2-135m-t05.formal-casual"]
    assert depth.value == ledger["signature.peak.smollm2-135m-t05.formal-casual"].layer / 30
    low, high = np.quantile(np.array(peaks) / 30, (0.025, 0.975))
    assert depth.estimate.interval.low == pytest.approx(low, abs=1 / 30)
    assert depth.estimate.interval.high == pytest.approx(high, abs=1 / 30)


def test_raw_section_is_complete(measured):
    data, ledger, arrays = measured
    section, text = filled([data], ledger, arrays)
    assert [f.filename for f in section.figures] == [
        "smollm2/layer_axis_heatmaps", "smollm2/combined_layer_axis_panels",
        "smollm2/combined_binned_heatmap", "smollm2/combined_peak_positions",
    ]  # fmt: skip
    for name in [
        *(f"@fig-{f.id}" for f in section.figures),
        *(f"@tbl-{t.id}" for t in section.tables),
    ]:
        assert name in text
    assert "None" not in text


def test_planted_peak_is_found_and_marked():
    study, baselines = planted()
    data = StudyData(study, Features(baselines))
    ledger, arrays = made(data)
    for model in study.models[:2]:
        peak = ledger[f"signature.peak.{model.slug}.warm-cold"]
        assert peak.layer == 4
        assert peak.value < -0.9
        assert peak.rejected
        others = ledger.select(quantity="peak", model=model.key, rejected=True)
        assert [e.id for e in others] == [peak.id]
        assert ledger[f"signature.strongest.{model.slug}"].rejected
        assert ledger[f"signature.peak-share.{model.slug}.warm-cold"].value > 0.9
    section, text = filled([data], ledger, arrays)
    assert "two do), a square" in section.figures[0].caption
    assert "The strongest is warm–cold" in text
    drawn(section)


def test_one_signature_resembles_itself_and_not_another():
    study, baselines = planted()
    first, second = (m for m in study.models[:2])
    twin = replace(baselines[first.key], model=second.key)
    name = f"signature.similarity.{first.slug}.{second.slug}"
    ledger, arrays = made(
        StudyData(study, Features({first.key: baselines[first.key], second.key: twin}))
    )
    assert ledger[name].value == pytest.approx(1.0)
    # Noise that both share is no likeness: under joint permutation it stays shared.
    noise = baseline(first, *_unrelated(study, 5))
    copies = {first.key: noise, second.key: replace(noise, model=second.key)}
    ledger, arrays = made(StudyData(study, Features(copies)))
    assert ledger[name].value == pytest.approx(1.0)
    assert ledger[name].p > 0.9
    _, text = filled([StudyData(study, Features(copies))], ledger, arrays)
    assert "The signatures of" not in text


def _unrelated(study, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(2, 0.2, (30, 12)), {a.key: rng.normal(0, 0.2, 30) for a in study.axes}


def test_a_constant_axis_says_so_everywhere():
    study, baselines = planted()
    for key, b in baselines.items():
        flat = {**b.projections, "formal_casual": np.zeros(30)}
        baselines[key] = replace(b, projections=flat)
    data = StudyData(study, Features(baselines))
    ledger, arrays = made(data)
    slug = study.models[0].slug
    for quantity in ("peak", "peak-unsearched", "peak-depth", "peak-share"):
        assert ledger[f"signature.{quantity}.{slug}.formal-casual"].reason is Reason.CONSTANT_INPUT
    # Two models with six axes each; the other four models of the ladder have no capture.
    assert ledger.families["signature.peaks.smollm2.ladder"].m == 12
    section, text = filled([data], ledger, arrays)
    assert "no peak for formal–casual in" in text
    canvas = Canvas(figsize=(6.5, 5.0), layout="constrained")
    section.figures[1].draw(canvas)
    assert any("constant" in t.get_text() for axes in canvas.axes for t in axes.texts)


def test_missing_parts_carry_their_reasons():
    study, baselines = planted(3)
    (no_layers, no_axis) = (study.models[i].key for i in (1, 2))
    baselines[no_layers] = replace(baselines[no_layers], layer_entropy=None)
    lost = {**baselines[no_axis].projections, "warm_cold": np.full(30, np.nan)}
    baselines[no_axis] = replace(baselines[no_axis], projections=lost)
    problems = (
        Problem("a.npz", "per_layer_states", "truncated", "", "damaged_file", "layers", no_layers,
                "layers"),
        Problem("b.json", "warm_cold", "uneven", "", "misaligned", "correlations", no_axis,
                "projections", axis="warm_cold"),
    )  # fmt: skip
    data = StudyData(study, Features(baselines, problems=problems))
    ledger, arrays = made(data)
    slugs = [m.slug for m in study.models]
    assert ledger[f"signature.peak.{slugs[1]}.warm-cold"].reason is Reason.DAMAGED_FILE
    assert ledger[f"signature.strongest.{slugs[1]}"].reason is Reason.DAMAGED_FILE
    assert ledger[f"signature.peak.{slugs[2]}.warm-cold"].reason is Reason.MISALIGNED
    assert ledger[f"signature.peak.{slugs[5]}.warm-cold"].reason is Reason.MISSING_CAPTURE
    assert ledger[f"signature.strongest.{slugs[2]}"].value is not None
    section, text = filled([data], ledger, arrays)
    assert "There are no layers of" in text
    drawn(section)


def test_a_model_without_projections_or_with_two_questions_has_no_signature_for_that_reason():
    study, baselines = planted(2)
    no_axes, short = (m.key for m in study.models[:2])
    lost = dict.fromkeys(baselines[no_axes].projections, np.full(30, np.nan))
    baselines[no_axes] = replace(baselines[no_axes], projections=lost)
    b = baselines[short]
    baselines[short] = baseline(
        study.models[1], b.layer_entropy[:2], {a: v[:2] for a, v in b.projections.items()}
    )
    problems = tuple(
        Problem("b.json", axis, "no value", "", "non_finite", "correlations", no_axes,
                "projections", axis=axis) for axis in lost
    )  # fmt: skip
    ledger, _ = made(StudyData(study, Features(baselines, problems=problems)))
    slugs = [m.slug for m in study.models]
    assert ledger[f"signature.strongest.{slugs[0]}"].reason is Reason.NON_FINITE
    assert ledger[f"signature.strongest.{slugs[1]}"].reason is Reason.TOO_FEW


@pytest.mark.parametrize("n_models", [1, 0])
def test_one_model_or_none_is_told_in_words(n_models):
    study, baselines = planted(1)
    if not n_models:
        key = study.models[0].key
        baselines = {key: replace(baselines[key], layer_entropy=None)}
    data = StudyData(study, Features(baselines))
    ledger, arrays = made(data)
    section, text = filled([data], ledger, arrays)
    assert ("no second signature" if n_models else "there are no signatures") in text
    drawn(section)


def test_undefined_layers_cost_themselves_only():
    study, baselines = planted(1)
    key, slug = study.models[0].key, study.models[0].slug
    layers = baselines[key].layer_entropy.copy()
    layers[:, 0], layers[7, 9] = 1.5, np.nan
    data = StudyData(study, Features({key: replace(baselines[key], layer_entropy=layers)}))
    ledger, arrays = made(data)
    assert ledger[f"signature.peak.{slug}.warm-cold"].layer == 4
    section, _ = filled([data], ledger, arrays)
    drawn(section)
