"""Experiments 3a and 3c, at both evidence levels."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy import stats as scipy_stats

from report.capture.features import Baseline, Features, Problem
from report.document.fill import Filler
from report.experiments import behaviour
from report.experiments.base import StudyData
from report.experiments.behaviour.zones import is_dead
from report.ledger.ledger import settle
from report.study.study import load_study
from stats.meta import pool_correlations
from stats.outcome import Reason

AXIS = "behaviour.axis.{}.{}"
PUBLISHED = AXIS + ".published"


def run(data):
    analysis = behaviour.analyse(data)
    ledger = settle(analysis.entries, analysis.families)
    return ledger, behaviour.present([data], ledger, {data.study.id: analysis.arrays})


def filled(root, ledger, section):
    filler = Filler(root / "templates", ledger, section.figures, section.tables)
    return filler.fill("experiments/behaviour.qmd.j2", dict(section.facts))


def few(study, **updates):
    """The study with few resamples, for speed."""
    plan = study.plan.model_copy(update={"n_resamples": 499, **updates})
    return study.model_copy(update={"plan": plan})


@pytest.fixture(scope="module")
def published(request):
    root = request.config.rootpath
    return run(StudyData(load_study(root / "data" / "entropy-2026-02"), Features()))


@pytest.fixture(scope="module")
def ladder_data(request, shipped_features):
    study = few(load_study(request.config.rootpath / "data" / "smollm2"))
    return StudyData(study, shipped_features)


@pytest.fixture(scope="module")
def ladder(ladder_data):
    return run(ladder_data)


# --- published --------------------------------------------------------------------------


def test_the_family_counts_what_was_not_printed(published):
    family = published[0].families["behaviour.axis.entropy-2026-02.published"]
    assert (family.m, len(family.members), family.method) == (41, 42, "bh")
    reasons = [published[0][name].reason for name in family.members]
    assert reasons.count(None) == 9
    assert reasons.count(Reason.NOT_PUBLISHED) == 32
    assert reasons.count(Reason.CONSTANT_INPUT) == 1
    constant = published[0][PUBLISHED.format("deepseek-7b", "proactive-reluctant")]
    assert constant.reason is Reason.CONSTANT_INPUT
    assert not published[0].select(model="phi4_14b")


@pytest.mark.parametrize(
    ("axis", "bh", "holm"),
    [("formal-casual", 0.032, 0.032), ("warm-cold", 0.035, 0.104),
     ("proactive-reluctant", 0.035, 0.104)],
)  # fmt: skip
def test_three_of_mistral_survive_bh_and_one_survives_holm(published, axis, bh, holm):
    entry = published[0][PUBLISHED.format("mistral-7b", axis)]
    assert entry.rejected
    assert entry.p_adjusted["bh"] == pytest.approx(bh, abs=5e-4)
    assert entry.p_adjusted["holm"] == pytest.approx(holm, abs=5e-4)


def test_nothing_else_survives_and_by_keeps_none(published):
    tested = published[0].select(experiment="behaviour", quantity="axis")
    assert {e.model for e in tested if e.rejected} == {"mistral_7b"}
    assert sum(bool(e.rejected) for e in tested) == 3
    known = [e for e in tested if e.p is not None]
    assert [e.id for e in known if e.p_adjusted["holm"] <= 0.05] == [
        PUBLISHED.format("mistral-7b", "formal-casual")
    ]
    assert all(e.p_adjusted["by"] > 0.05 for e in known)


@pytest.mark.parametrize(
    ("model", "axis", "p"),
    [("mistral-7b", "formal-casual", 0.0008), ("mistral-7b", "warm-cold", 0.0026),
     ("llama-8b", "confident-cautious", 0.015), ("llama-8b", "patient-irritated", 0.018),
     ("yi-9b", "warm-cold", 0.033), ("qwen-7b", "warm-cold", 0.038)],
)  # fmt: skip
def test_p_follows_from_rho_and_n(published, model, axis, p):
    entry = published[0][PUBLISHED.format(model, axis)]
    rho, n = entry.value, entry.estimate.n
    t = rho * np.sqrt((n - 2) / (1 - rho**2))
    assert entry.p == pytest.approx(2 * scipy_stats.t.sf(abs(t), n - 2), rel=1e-10)
    assert entry.p == pytest.approx(p, rel=0.05)
    reach = 1.959963984540054 * np.sqrt((1 + rho**2 / 2) / (n - 3))
    interval = entry.estimate.interval
    assert interval.low == pytest.approx(np.tanh(np.arctanh(rho) - reach), rel=1e-10)
    assert interval.high == pytest.approx(np.tanh(np.arctanh(rho) + reach), rel=1e-10)


@pytest.mark.parametrize(
    ("quantity", "rho", "p"),
    [("dead-zones", -0.216025, 0.7), ("dead-zones-dimension", 0.740656, 0.133333)],
)
def test_dead_zones_are_tested_exactly(published, quantity, rho, p):
    entry = published[0][f"behaviour.{quantity}.seven-models.published"]
    assert entry.value == pytest.approx(rho, abs=1e-6)
    assert entry.p == pytest.approx(p, abs=1e-6)
    assert entry.outcome.exact
    assert entry.estimate.interval.method == "bonett-wright"
    # Second witness: every arrangement, by scipy.
    dead = [0, 4, 1, 0, 1, 0]
    x = {"dead-zones": [0.173, 0.209, 0.247, 0.271, 0.289, 0.319],
         "dead-zones-dimension": [1.28, 2.41, 2.78, 1.85, 3.66, 1.91]}[quantity]  # fmt: skip
    null = [abs(scipy_stats.spearmanr(x, order).statistic) for order in set(permutations(dead))]
    assert np.mean(np.array(null) >= abs(rho) - 1e-6) == pytest.approx(p, abs=1e-6)


def test_what_the_published_part_says(root, published):
    text = filled(root, *published)
    assert "## Published numbers" in text
    assert "Another 32 pairs of model and axis were not printed. They count as tested" in text
    assert "Taken as printed, three correlations\nsurvive" in text
    assert "all in one model, Mistral 7B v0.3." in text
    assert text.count("in Mistral 7B v0.3") < 3  # said once, not in every sentence
    assert "There, answers with higher entropy lie closer\nto the formal pole (" in text
    assert ") and\nto the cold pole (" in text
    assert "BY keeps none." in text
    assert "no evidence of an association of mean entropy with the number of dead zones" in text
    assert "@sec-integrity" in text
    assert "entropy and proactive–reluctant in DeepSeek 7B, could not be tested." in text


# --- captures ---------------------------------------------------------------------------


def test_correlations_of_the_ladder_agree_with_scipy(ladder, ladder_data):
    ledger, _ = ladder
    for model, baseline in ladder_data.features.baselines.items():
        for axis, values in baseline.projections.items():
            entry = ledger[f"behaviour.axis.{model}.{axis}".replace("_", "-")]
            other = scipy_stats.spearmanr(baseline.entropy, values)
            assert entry.value == pytest.approx(other.statistic, abs=1e-12)
            # Monte-Carlo error at 499 permutations is at most .022 (one standard error).
            assert entry.p == pytest.approx(other.pvalue, abs=0.09)
            assert entry.p_adjusted["maxt"] >= entry.p
            assert entry.estimate.interval.method == "bca"
            closed = ledger[f"behaviour.axis-t.{model}.{axis}".replace("_", "-")]
            assert closed.p == pytest.approx(other.pvalue, rel=1e-8)
            tau = ledger[f"behaviour.kendall.{model}.{axis}".replace("_", "-")]
            assert tau.value == pytest.approx(
                scipy_stats.kendalltau(baseline.entropy, values).statistic
            )


def test_partial_correlations_agree_with_the_textbook_formula(ladder, ladder_data):
    for model, baseline in ladder_data.features.baselines.items():
        length = baseline.n_tokens
        for axis, values in baseline.projections.items():
            entry = ladder[0][f"behaviour.partial.{model}.{axis}".replace("_", "-")]
            if np.ptp(length) == 0:
                assert entry.reason is Reason.CONSTANT_INPUT
                continue
            xy, xz, yz = (
                scipy_stats.spearmanr(a, b).statistic
                for a, b in ((baseline.entropy, values), (baseline.entropy, length),
                             (values, length))
            )  # fmt: skip
            expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
            assert entry.value == pytest.approx(expected, abs=1e-10)


def test_every_pair_of_the_ladder_has_an_entry_and_none_is_pooled(ladder):
    ledger, section = ladder
    assert ledger.families["behaviour.axis.smollm2.ladder"].m == 42
    assert ledger.families["behaviour.partial.smollm2.ladder"].m == 42
    assert not ledger.select(experiment="behaviour", quantity="pooled")
    assert section.facts["parts"][0]["pooled"] is None


def test_sections_fill_and_draw(root, published, ladder):
    for ledger, section in (published, ladder):
        text = filled(root, ledger, section)
        assert "nan" not in text.lower().split()
        for figure in section.figures:
            assert f"@fig-{figure.id}" in text
            canvas = Canvas(figsize=figure.size, layout="constrained")
            figure.draw(canvas)
            canvas.draw_without_rendering()
        assert all(f"@tbl-{table.id}" in text for table in section.tables)
    assert "not pooled over conditions" in text
    assert {f.filename for f in section.figures} == {
        "smollm2/exp3_entropy_vs_behavior",
        "smollm2/exp3a_axis_correlations",
    }


# --- made up ----------------------------------------------------------------------------


def baseline_of(study, key, rng, planted=None, n=30):
    """Features of one model: independent noise, and a planted correlation on the first axis."""
    entropy = rng.normal(0.3, 0.05, n)
    projections = {a.key: np.clip(rng.normal(0, 0.3, n), -1, 1) for a in study.axes}
    if planted is not None:
        first = study.axes[0].key
        projections[first] = planted * (entropy - 0.3) * 5 + rng.normal(0, 0.05, n)
    nothing = np.full(n, np.nan)
    return Baseline(
        key, tuple(f"question {i}" for i in range(n)), rng.integers(80, 200, n),
        rng.integers(60, 150, n), projections, entropy, nothing, nothing, np.ones(n),
        nothing, nothing, True, "counts",
    )  # fmt: skip


@pytest.fixture
def models(root):
    """A cohort of six models."""
    study = few(load_study(root / "data" / "smollm2"))
    cohort = study.cohorts[0].model_copy(update={"unit": "model", "intervention": ""})
    return study.model_copy(update={"cohorts": (cohort,)})


def features_of(study, planted=None, skip=()):
    rng = np.random.default_rng(7)
    return Features(
        {m.key: baseline_of(study, m.key, rng, planted) for m in study.models if m.key not in skip}
    )


def test_a_planted_correlation_is_found_and_pooled(root, models):
    ledger, section = run(StudyData(models, features_of(models, planted=1.0)))
    axis = models.axes[0].key.replace("_", "-")
    known = ledger.select(experiment="behaviour", quantity="axis")
    found = [e for e in known if e.p_adjusted["maxt"] <= 0.05]
    assert {e.axis for e in found} == {models.axes[0].key}
    assert len(found) == sum(bool(e.rejected) for e in found) == 6
    pooled = ledger[f"behaviour.pooled.ladder.{axis}"]
    assert pooled.rejected
    own = ledger.select(quantity="axis", axis=models.axes[0].key)
    other = pool_correlations([e.value for e in own], [e.estimate.n for e in own])
    assert pooled.value == pytest.approx(other.r.value)
    assert ledger[f"behaviour.tau2.ladder.{axis}"].value == pytest.approx(other.tau2)
    assert ledger[f"behaviour.i2.ladder.{axis}"].value == pytest.approx(other.i2 / 100)
    assert ledger[f"behaviour.prediction.ladder.{axis}"].estimate.interval == other.prediction
    text = filled(root, ledger, section)
    assert "Over all models, answers with higher entropy lie closer to the warm pole of" in text
    assert text.count("closer to the warm pole of warm–cold\nin ") == 1  # six models, told once


def test_where_nothing_survives_no_association_is_claimed(root, models):
    ledger, section = run(StudyData(models, features_of(models)))
    text = filled(root, ledger, section)
    assert not any(e.rejected for e in ledger.select(quantity="axis"))
    assert "None survives correction (BH)." in text
    assert "is no evidence of an association" in text
    assert "No pooled correlation survives correction." in text
    assert "There is none, so there is nothing to compare." in text


def test_missing_inputs_carry_their_reasons(root, models):
    first, second, third, fourth = (m.key for m in models.models[:4])
    made = features_of(models, skip=(fourth,))
    axis, other = (a.key for a in models.axes[:2])
    b = dict(made.baselines)
    constant = {**b[first].projections, axis: np.ones(30)}
    absent = {k: v for k, v in b[first].projections.items() if k != other}
    b[first] = replace(b[first], projections={**absent, axis: constant[axis]})
    entropy = b[second].entropy.copy()
    entropy[:2] = np.nan
    b[second] = replace(b[second], entropy=entropy)
    b[third] = replace(b[third], entropy=np.full(30, np.nan))
    problems = (
        Problem("f.json", other, "absent", "", "missing_capture", "it", first, "projections"),
        Problem("f.npz", "", "truncated", "", "damaged_file", "entropy", third, "baseline"),
    )
    ledger, section = run(StudyData(models, Features(b, problems=problems)))

    def entry(model, axis):
        return ledger[f"behaviour.axis.{model}.{axis}".replace("_", "-")]

    assert entry(first, axis).reason is Reason.CONSTANT_INPUT
    assert entry(first, other).reason is Reason.MISSING_CAPTURE
    assert entry(second, axis).estimate.n == 28
    assert entry(third, axis).reason is Reason.DAMAGED_FILE
    assert entry(fourth, axis).reason is Reason.MISSING_CAPTURE
    family = ledger.families["behaviour.axis.smollm2.ladder"]
    assert len(family.members) == 42
    assert family.m == 42 - 2 - 7 - 7
    partial = ledger[f"behaviour.partial.{third}.{axis}".replace("_", "-")]
    assert partial.reason is Reason.DAMAGED_FILE
    text = filled(root, ledger, section)
    assert "Not estimable: 16 pairs" in text
    for figure in section.figures:
        canvas = Canvas(figsize=figure.size, layout="constrained")
        figure.draw(canvas)
        canvas.draw_without_rendering()


def test_dead_zones_of_unknown_axes_carry_the_reason_of_the_axes(models):
    made = features_of(models)
    lost, single = (m.key for m in models.models[:2])
    b = dict(made.baselines)
    for key, n_known in ((lost, 0), (single, 1)):
        gone = {a: np.where(np.arange(30) < n_known, v, np.nan)
                for a, v in b[key].projections.items()}  # fmt: skip
        b[key] = replace(b[key], projections=gone)
    problems = tuple(
        Problem(
            "f.json", a.key, "no value", "", "non_finite", "it", lost, "projections", axis=a.key
        )
        for a in models.axes
    )
    ledger, _ = run(StudyData(models, Features(b, problems=problems)))
    assert ledger[f"behaviour.zones.{lost}".replace("_", "-")].reason is Reason.NON_FINITE
    assert ledger[f"behaviour.zones.{single}".replace("_", "-")].reason is Reason.TOO_FEW


def test_a_capture_without_any_entropy_still_fills(root, models):
    made = features_of(models)
    b = {k: replace(v, entropy=np.full(30, np.nan)) for k, v in made.baselines.items()}
    ledger, section = run(StudyData(models, Features(b)))
    assert ledger.families["behaviour.axis.smollm2.ladder"].m == 0
    filled(root, ledger, section)
    for figure in section.figures:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))


def test_a_plan_that_decides_by_maxt(root, published):
    study = few(load_study(root / "data" / "entropy-2026-02"), decision="maxt")
    ledger, _ = run(StudyData(study, Features()))
    assert ledger.families["behaviour.axis.entropy-2026-02.published"].method == "holm"


def test_dead_zones_are_constant_or_saturated_axes(models):
    assert is_dead(np.full(30, 0.2))
    assert is_dead(np.r_[np.ones(16), np.linspace(0, 0.9, 14)])
    assert not is_dead(np.r_[np.ones(15), np.linspace(0, 0.9, 15)])
    assert is_dead(np.r_[-np.ones(16), np.linspace(0, 0.9, 14)])
    made = features_of(models)
    b = dict(made.baselines)
    for i, model in enumerate(models.models[:3]):
        dead = {a.key: np.ones(30) for a in models.axes[: i + 1]}
        b[model.key] = replace(
            b[model.key], projections={**b[model.key].projections, **dead}
        )  # fmt: skip
    ledger, section = run(StudyData(models, Features(b)))
    counts = [e.value for e in ledger.select(quantity="zones")]
    assert counts == [1, 2, 3, 0, 0, 0]
    entry = ledger["behaviour.dead-zones.ladder"]
    entropies = [v.entropy.mean() for v in b.values()]
    assert entry.value == pytest.approx(scipy_stats.spearmanr(entropies, counts).statistic)
    assert entry.outcome.exact
    assert section.facts["parts"][0]["zones"] == 6


def test_the_study_gives_the_same_numbers_twice(models):
    data = StudyData(models, features_of(models))
    assert run(data)[0].to_json() == run(StudyData(models, features_of(models)))[0].to_json()
