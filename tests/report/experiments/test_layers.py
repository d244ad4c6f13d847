from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

from report.audit.recompute.layered import profile
from report.capture.features import Baseline, Features, Problem
from report.document.fill import Filler
from report.experiments import layers
from report.experiments.base import StudyData
from report.ledger.ledger import settle
from report.study.study import load_study
from stats.outcome import Reason

ROOT = Path(__file__).resolve().parents[3]


def made(data):
    analysis = layers.analyse(data)
    return settle(analysis.entries, analysis.families), {data.study.id: analysis.arrays}


def filled(studies, ledger, arrays):
    section = layers.present(studies, ledger, arrays)
    filler = Filler(ROOT / "templates", ledger, section.figures, section.tables)
    return section, filler.fill("experiments/layers.qmd.j2", section.facts)


def ladder(n_resamples=199):
    study = load_study(ROOT / "data/smollm2")
    plan = study.plan.model_copy(update={"n_resamples": n_resamples})
    return study.model_copy(update={"plan": plan})


def baseline(model, values):
    """Make a baseline of which only the layers matter, (Q, L)."""
    n = len(values)
    nothing = np.full(n, np.nan)
    return Baseline(
        model.key, tuple(f"Question {i}?" for i in range(n)), np.ones(n, int), np.ones(n, int),
        {}, nothing, nothing, nothing, nothing, nothing, nothing, True, "counts",
        layer_entropy=values, layer_entropy_fixed=values[::-1] - 0.5,
        layer_entropy_corrected=values + 0.01, spectral_entropy=values.mean(axis=0),
    )  # fmt: skip


def by_hand(study, tables):
    models = study.models[: len(tables)]
    return Features({m.key: baseline(m, t) for m, t in zip(models, tables, strict=True)})


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


def test_widths_run_from_qwen_to_yi(published):
    _, ledger, _ = published
    widths = {e.model: e.value for e in ledger.select(quantity="width")}
    assert len(widths) == 7
    assert min(widths, key=widths.get) == "qwen_7b"
    assert widths["qwen_7b"] == 0.51
    assert max(widths, key=widths.get) == "yi_9b"
    assert widths["yi_9b"] == 2.31
    ratio = ledger["layers.width-ratio.entropy-2026-02.published"]
    assert ratio.value == pytest.approx(2.31 / 0.51)


def test_published_part_is_complete(published):
    data, ledger, arrays = published
    section, text = filled([data], ledger, arrays)
    assert [f.filename for f in section.figures] == ["entropy-2026-02/exp2_layer_entropy_published"]
    assert len(section.tables[0].rows) == 7
    assert "narrowest in Qwen 2.5 7B" in text
    assert "widest in Yi 1.5 9B" in text
    assert "4.5" in text


# --- captures ---------------------------------------------------------------------------


def test_summaries_are_those_of_the_features(measured):
    data, ledger, _ = measured
    for model in data.study.models:
        values = data.features.baselines[model.key].layer_entropy
        means = values.mean(axis=0)
        low, high = ledger[f"layers.min.{model.slug}"], ledger[f"layers.max.{model.slug}"]
        assert (low.value, low.layer) == (pytest.approx(means.min()), means.argmin())
        assert (high.value, high.layer) == (pytest.approx(means.max()), means.argmax())
        width = ledger[f"layers.width.{model.slug}"]
        assert width.value == pytest.approx(np.ptp(means))
        assert width.estimate.interval.low < width.value < width.estimate.interval.high
        spread = ledger[f"layers.spread.{model.slug}"].value
        assert spread == pytest.approx(values.std(axis=0, ddof=1).mean())
        rows = ledger.select(quantity="mean", model=model.key)
        assert [e.value for e in rows] == pytest.approx(means.tolist())
        assert [e.layer for e in rows] == list(range(31))


def test_range_interval_searches_the_extremes_in_every_resample(measured):
    data, ledger, _ = measured
    model = data.study.models[0]
    values = data.features.baselines[model.key].layer_entropy
    counts = data.draws.counts(model.key, 30)
    widths = [np.ptp(np.repeat(values, c, axis=0).mean(axis=0)) for c in counts]
    interval = ledger[f"layers.width.{model.slug}"].estimate.interval
    assert interval.method == "bca"
    assert min(widths) <= interval.low < interval.high <= max(widths)


def test_raw_section_is_complete(measured):
    data, ledger, arrays = measured
    section, text = filled([data], ledger, arrays)
    assert [f.filename for f in section.figures] == [
        "smollm2/exp2_layer_entropy", "smollm2/exp2_spectral_entropy",
    ]  # fmt: skip
    for name in [
        *(f"@fig-{f.id}" for f in section.figures),
        *(f"@tbl-{t.id}" for t in section.tables),
    ]:
        assert name in text
    assert "In the order by mean," in text
    assert "None" not in text
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


def test_profiles_that_differ_identify_their_model_and_equal_ones_do_not():
    rng = np.random.default_rng(5)
    shape = np.linspace(1.0, 2.0, 12)
    noise = [rng.normal(0, 0.05, (20, 12)) for _ in range(3)]
    apart = by_hand(ladder(), [shape + e for e in (noise[0], noise[1] + 1.0, noise[2] - 1.0)])
    ledger, _ = made(StudyData(ladder(), apart))
    found = ledger["layers.classification.smollm2.ladder"]
    assert found.value == 1.0
    assert found.p == pytest.approx(1 / 200)
    alike = by_hand(ladder(), [shape + e for e in noise])
    ledger, arrays = made(StudyData(ladder(), alike))
    assert ledger["layers.classification.smollm2.ladder"].p > 0.05
    _, text = filled([StudyData(ladder(), alike)], ledger, arrays)
    assert "not shown to be more than chance would give" in text  # absence is not shown by it
    assert "do not tell" not in text


def test_models_of_unequal_depth_and_unequal_questions_are_lined_up():
    rng = np.random.default_rng(6)
    tables = [
        np.linspace(1, 2, n)[None] + rng.normal(0, 0.1, (q, n)) for n, q in ((9, 12), (13, 10))
    ]
    ledger, _ = made(StudyData(ladder(), by_hand(ladder(), tables)))
    assert ledger["layers.classification.smollm2.ladder"].estimate.n == 2 * 10


def test_missing_layers_carry_their_reason():
    study = ladder()
    rng = np.random.default_rng(7)
    features = by_hand(study, [rng.normal(2, 0.1, (8, 6)) for _ in range(3)])
    lost = study.models[1].key
    without = replace(features.baselines[lost], layer_entropy=None, layer_entropy_fixed=None,
                      layer_entropy_corrected=None, spectral_entropy=None)  # fmt: skip
    problem = Problem("x.npz", "per_layer_states", "truncated", "", "damaged_file", "layers", lost,
                      "layers")  # fmt: skip
    features = Features({**features.baselines, lost: without}, problems=(problem,))
    data = StudyData(study, features)
    ledger, arrays = made(data)
    slug = study.models[1].slug
    assert ledger[f"layers.width.{slug}"].reason is Reason.DAMAGED_FILE
    assert ledger[f"layers.spectral-min.{slug}"].reason is Reason.DAMAGED_FILE
    assert ledger[f"layers.width.{study.models[5].slug}"].reason is Reason.MISSING_CAPTURE
    _, text = filled([data], ledger, arrays)
    assert "There are no layers of" in text
    assert Reason.DAMAGED_FILE.sentence in text


def test_overflow_costs_the_layer_of_its_questions_only():
    rng = np.random.default_rng(8)
    values = rng.normal(2, 0.1, (8, 6))
    values[:, 4] = np.nan
    values[3, 2] = np.nan
    data = StudyData(ladder(), by_hand(ladder(), [values, rng.normal(2, 0.1, (8, 6))]))
    ledger, arrays = made(data)
    slug = data.study.models[0].slug
    gone = ledger[f"layers.mean.{slug}.layer-04"]
    assert gone.reason is Reason.NON_FINITE
    partial = ledger[f"layers.mean.{slug}.layer-02"]
    assert partial.estimate.n == 7
    assert partial.value == pytest.approx(np.nanmean(values[:, 2]))
    assert ledger[f"layers.width.{slug}"].estimate.no_interval is Reason.NON_FINITE
    assert ledger["layers.classification.smollm2.ladder"].estimate.n == 2 * 7
    section, _ = filled([data], ledger, arrays)
    section.figures[0].draw(Canvas(figsize=(6, 3), layout="constrained"))


def test_layers_of_a_single_question_are_too_few():
    rng = np.random.default_rng(10)
    alone, known = rng.normal(2, 0.1, (1, 6)), rng.normal(2, 0.1, (8, 6))
    others = [rng.normal(2 + i, 0.1, (8, 6)) for i in range(2)]
    features = by_hand(ladder(), [known, alone, *others])
    lost = ladder().models[1]
    nothing = replace(features.baselines[lost.key], spectral_entropy=np.full(6, np.nan))
    data = StudyData(ladder(), Features({**features.baselines, lost.key: nothing}))
    ledger, arrays = made(data)
    for quantity in ("min", "max", "width", "level-fixed", "spectral-min", "spectral-max"):
        entry = ledger[f"layers.{quantity}.{lost.slug}"]
        assert (entry.reason, entry.estimate.n, entry.layer) == (Reason.TOO_FEW, 1, None)
    ranking = ledger["layers.ranking.smollm2.ladder.level-corrected"]
    assert (ranking.value, ranking.estimate.n) == (1.0, 3)
    section, _ = filled([data], ledger, arrays)
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


def test_of_tied_layer_means_the_first_counts():
    rng = np.random.default_rng(12)
    values = np.stack([rng.permuted(rng.normal(2, 0.1, 7)) for _ in range(2)], axis=1)
    values = np.concatenate([np.zeros((7, 1)), values, values[::-1], rng.permuted(values)], axis=1)
    ledger, _ = made(StudyData(ladder(), by_hand(ladder(), [values])))
    slug = ladder().models[0].slug
    means = values.mean(axis=0).round(10).tolist()
    assert ledger[f"layers.max.{slug}"].layer == means.index(max(means))
    assert profile(values, "highest")["layer"] == means.index(max(means))


def test_models_of_one_layer_are_compared_by_it():
    rng = np.random.default_rng(11)
    tables = [rng.normal(place, 0.01, (8, 1)) for place in (1.0, 2.0)]
    data = StudyData(ladder(), by_hand(ladder(), tables))
    ledger, arrays = made(data)
    assert ledger["layers.classification.smollm2.ladder"].value == 1.0
    section, _ = filled([data], ledger, arrays)
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


@pytest.mark.parametrize("n_models", [1, 0])
def test_one_model_or_none_is_told_in_words(n_models):
    study = ladder()
    values = np.random.default_rng(9).normal(2, 0.1, (8, 6))
    features = by_hand(study, [values])
    if not n_models:
        key = study.models[0].key
        features = Features({key: replace(features.baselines[key], layer_entropy=None)})
    data = StudyData(study, features)
    ledger, arrays = made(data)
    assert ledger["layers.classification.smollm2.ladder"].reason is Reason.TOO_FEW
    section, text = filled([data], ledger, arrays)
    assert "fingerprint" not in text
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


@pytest.mark.parametrize("short", ["_corvus", "$x$", "a & b"])
def test_the_legend_names_every_curve(short):
    rng = np.random.default_rng(9)
    study = ladder()
    models = [study.models[0].model_copy(update={"short": short}), *study.models[1:]]
    study = study.model_copy(update={"models": tuple(models)})
    data = StudyData(study, by_hand(study, [rng.normal(2, 0.1, (8, 6)) for _ in range(2)]))
    for figure in layers.present([data], *made(data)).figures:
        canvas = Canvas(figsize=figure.size, layout="constrained")
        figure.draw(canvas)
        named = [text.get_text() for legend in canvas.legends for text in legend.get_texts()]
        assert named == [short, models[1].label]
