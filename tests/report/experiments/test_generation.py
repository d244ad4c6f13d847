"""Experiment 1, at both evidence levels."""

import csv
import dataclasses
import io

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy import stats as scipy_stats

from report.capture.features import Features
from report.document.fill import Filler
from report.document.tables import to_csv
from report.experiments import generation
from report.experiments.base import StudyData
from report.ledger.ledger import settle
from report.study.paths import DATA, TEMPLATES
from report.study.study import load_study


def run(data):
    analysis = generation.analyse(data)
    ledger = settle(analysis.entries, analysis.families)
    return ledger, generation.present([data], ledger, {data.study.id: analysis.arrays})


@pytest.fixture(scope="module")
def published():
    return run(StudyData(load_study(DATA / "entropy-2026-02"), Features()))


@pytest.fixture(scope="module")
def ladder_data(shipped_features):
    study = load_study(DATA / "smollm2")
    study = study.model_copy(update={"plan": study.plan.model_copy(update={"n_resamples": 999})})
    return StudyData(study, shipped_features)


@pytest.fixture(scope="module")
def ladder(ladder_data):
    return run(ladder_data)


@pytest.mark.parametrize(
    ("key", "mean", "sd", "tokens"),
    [("t03", 0.2133, 0.0488, 4356), ("t05", 0.4196, 0.0803, 4439), ("t07", 0.7222, 0.1051, 4488),
     ("t10", 1.3810, 0.2155, 4534), ("t13", 2.1506, 0.2076, 4062), ("t16", 2.7951, 0.1994, 4096)],
)  # fmt: skip
def test_the_shipped_captures_give_the_documented_figures(ladder, key, mean, sd, tokens):
    ledger, _ = ladder
    assert ledger[f"generation.mean.smollm2-135m-{key}"].value == pytest.approx(mean, abs=5e-5)
    assert ledger[f"generation.sd.smollm2-135m-{key}"].value == pytest.approx(sd, abs=5e-5)
    assert ledger[f"generation.tokens.smollm2-135m-{key}"].value == tokens


def test_the_interval_of_a_mean_agrees_with_scipy(ladder, ladder_data):
    entry = ladder[0]["generation.mean.smollm2-135m-t07"]
    values = ladder_data.features.baselines["smollm2_135m_t07"].entropy
    other = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    # Monte-Carlo error of the ends at 999 resamples is about 6 % of the width.
    tolerance = 0.15 * (other.high - other.low)
    assert entry.estimate.interval.low == pytest.approx(other.low, abs=tolerance)
    assert entry.estimate.interval.high == pytest.approx(other.high, abs=tolerance)


def test_published_pairs_are_compared_by_welch(published):
    entry = published[0]["generation.difference.gemma-9b.qwen-7b.published"]
    other = scipy_stats.ttest_ind_from_stats(0.173, 0.045, 30, 0.319, 0.057, 30, equal_var=False)
    assert entry.value == pytest.approx(0.173 - 0.319)
    assert entry.p == pytest.approx(other.pvalue, rel=1e-9)
    assert published[0].families["generation.pairs.entropy-2026-02.published"].m == 21


def test_paired_comparison_of_the_conditions(ladder, ladder_data):
    features = ladder_data.features.baselines
    entry = ladder[0]["generation.difference.smollm2-135m-t03.smollm2-135m-t05"]
    x, y = (features[f"smollm2_135m_{key}"].entropy for key in ("t03", "t05"))
    assert entry.p == pytest.approx(scipy_stats.wilcoxon(x, y, method="exact").pvalue, rel=1e-9)
    friedman = ladder[0]["generation.friedman.smollm2.ladder"]
    other = scipy_stats.friedmanchisquare(*(b.entropy for b in features.values()))
    assert friedman.outcome.statistic == pytest.approx(other.statistic)


def test_every_pair_of_conditions_has_a_row(ladder, ladder_data):
    """Difference, interval, size of effect, p and adjusted p, as printed."""
    ledger, section = ladder
    (table,) = (t for t in section.tables if "pairs" in t.id)
    rows = list(csv.reader(io.StringIO(to_csv(table, ledger))))[1:]
    assert len(rows) == len({row[0] for row in rows}) == 15
    name, difference, interval, size, p, adjusted = rows[0]
    assert name == "T = 0.3 − T = 0.5"
    features = ladder_data.features.baselines
    x, y = (features[f"smollm2_135m_{key}"].entropy for key in ("t03", "t05"))
    i, j = np.triu_indices(len(x))
    middle = np.median(((x - y)[i] + (x - y)[j]) / 2)
    assert difference == f"{middle:.3f}".replace("-", "−")
    assert interval.startswith("[−0.")
    ranks = scipy_stats.rankdata(np.abs(x - y)) * np.sign(x - y)
    assert size == f"{ranks.sum() / np.abs(ranks).sum():.2f}".replace("-0.", "−.").replace("-", "−")
    assert p == adjusted == "< .001"


def test_a_question_without_entropy_costs_only_itself(ladder_data):
    key = "smollm2_135m_t03"
    baseline = ladder_data.features.baselines[key]
    entropy = baseline.entropy.copy()
    entropy[[2, 6]] = np.nan
    damaged = dataclasses.replace(baseline, entropy=entropy)
    features = Features(baselines={**ladder_data.features.baselines, key: damaged})
    ledger, _ = run(StudyData(ladder_data.study, features))
    assert ledger["generation.mean.smollm2-135m-t03"].estimate.n == 28
    assert ledger["generation.mean.smollm2-135m-t05"].estimate.n == 30
    assert ledger["generation.difference.smollm2-135m-t03.smollm2-135m-t05"].outcome.n <= 28


def test_the_sections_fill_and_draw(published, ladder):
    for ledger, section in (published, ladder):
        filler = Filler(TEMPLATES, ledger, section.figures, section.tables)
        text = filler.fill("experiments/generation.qmd.j2", section.facts)
        assert "nan" not in text.lower().split()
        for figure in section.figures:
            assert f"@fig-{figure.id}" in text
            canvas = Canvas(figsize=figure.size)
            figure.draw(canvas)
            assert all(axes.has_data() for axes in canvas.axes)
        assert all(f"@tbl-{table.id}" in text for table in section.tables)


def test_the_bounds_contain_the_full_entropy_of_every_token(ladder):
    ledger, section = ladder
    own = {q: ledger[f"generation.unfiltered{q}.smollm2-135m-t07"].value
           for q in ("", "-low", "-high", "-full", "-mass", "-inside")}  # fmt: skip
    assert own["-inside"] == ledger["generation.tokens.smollm2-135m-t07"].value == 4488
    assert own["-low"] < own["-full"] < own["-high"]
    # The capture's README gives means over tokens; over questions they differ slightly.
    assert own[""] == pytest.approx(1.498, abs=0.02)
    assert own["-full"] == pytest.approx(2.012, abs=0.02)
    # To the digits of the README, which averages over all tokens.
    for quantity, printed in (("unfiltered", 1.498), ("unfiltered-full", 2.012)):
        entry = ledger[f"generation.{quantity}-token-weighted.smollm2-135m-t07"]
        assert round(entry.value, 3) == printed
    assert own["-mass"] == pytest.approx(0.94, abs=5e-3)
    assert "exp1_entropy_rate" in {figure.filename.split("/")[1] for figure in section.figures}


def test_models_of_one_question_have_no_mean_and_no_figure(ladder_data):
    baselines = {
        key: dataclasses.replace(
            b, entropy=np.where(np.arange(30) == 3, b.entropy, np.nan), unfiltered=None
        )
        for key, b in ladder_data.features.baselines.items()
    }
    features = dataclasses.replace(ladder_data.features, baselines=baselines)
    ledger, section = run(StudyData(ladder_data.study, features))
    assert {str(e.reason) for e in ledger.select(quantity="mean")} == {"too_few"}
    assert not section.figures
    filler = Filler(TEMPLATES, ledger, section.figures, section.tables)
    text = filler.fill("experiments/generation.qmd.j2", section.facts)
    assert "No generation entropy could be computed" in text


def test_wrong_slices_shrink_the_spread_that_the_published_test_rests_on(published, ladder_data):
    """Averages over rows of several answers vary less, so Welch's test is not just conservative."""
    ledger, _ = published
    made = generation.analyse(ladder_data)
    together = settle([*ledger, *made.entries], [*ledger.families.values(), *made.families])
    studies = [StudyData(load_study(DATA / "entropy-2026-02"), Features()), ladder_data]
    section = generation.present(studies, together, {})
    (spread,) = section.facts["spreads"]
    pairs = [
        (np.delete(b.entropy, np.isnan(b.misaligned_entropy)),
         b.misaligned_entropy[~np.isnan(b.misaligned_entropy)])
        for b in ladder_data.features.baselines.values()
    ]  # fmt: skip
    assert spread["compared"] == 6
    assert spread["smaller"] == sum(np.ptp(x) > 0 and wrong.std() < x.std() for x, wrong in pairs)
    assert spread["smaller"] >= 5


def test_two_models_are_told_apart_in_words(ladder_data):
    """Friedman's test needs three; the one pair is told all the same."""
    keys = [m.key for m in ladder_data.study.models[:2]]
    study = ladder_data.study.model_copy(update={"models": ladder_data.study.models[:2]})
    features = dataclasses.replace(
        ladder_data.features,
        baselines={key: ladder_data.features.baselines[key] for key in keys}, calibrations={},
    )  # fmt: skip
    ledger, section = run(StudyData(study, features))
    filler = Filler(TEMPLATES, ledger, section.figures, section.tables)
    text = filler.fill("experiments/generation.qmd.j2", dict(section.facts))
    assert "The two conditions differ (Wilcoxon signed-rank test:" in text
    assert "Friedman" not in text
