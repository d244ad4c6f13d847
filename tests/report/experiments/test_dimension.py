"""The n = 6 question, at both evidence levels."""

import dataclasses
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy.stats import rankdata

from report.audit.recompute.layered import nested
from report.audit.recompute.reading import resamples
from report.capture.features import Features
from report.document.fill import Filler
from report.experiments import dimension, generation
from report.experiments.base import StudyData
from report.experiments.dimension import view
from report.ledger.ledger import settle
from report.study.paths import DATA, TEMPLATES
from report.study.study import load_study
from stats.outcome import Estimate, Reason

QUICK = {"n_resamples": 999}


def quick(name):
    study = load_study(DATA / name)
    return study.model_copy(update={"plan": study.plan.model_copy(update=QUICK)})


@pytest.fixture(scope="module")
def published():
    return StudyData(quick("entropy-2026-02"), Features())


@pytest.fixture(scope="module")
def ladder(shipped_features):
    study = quick("smollm2")
    return StudyData(study, shipped_features)


def run(*data):
    analyses = [(m, d, m.analyse(d)) for m in (generation, dimension) for d in data]
    ledger = settle(
        [e for *_, a in analyses for e in a.entries], [f for *_, a in analyses for f in a.families]
    )
    arrays = {d.study.id: a.arrays for m, d, a in analyses if m is dimension}
    return ledger, dimension.present(data, ledger, arrays)


@pytest.fixture(scope="module")
def published_run(published):
    return run(published)


@pytest.fixture(scope="module")
def ladder_run(ladder):
    return run(ladder)


def test_the_published_correlation_is_exact(published_run):
    rho = published_run[0]["dimension.rho.seven-models.published"]
    assert rho.value == pytest.approx(0.371429, abs=5e-7)
    assert rho.p == pytest.approx(358 / 720, abs=1e-12)
    assert rho.outcome.p_floor == pytest.approx(2 / 720, abs=1e-12)
    assert rho.outcome.exact
    assert rho.estimate.interval.method == "bonett-wright"
    assert (rho.estimate.interval.low, rho.estimate.interval.high) == pytest.approx(
        (-0.65, 0.92), abs=0.005
    )
    beside = published_run[0]["dimension.rho-bootstrap.seven-models.published"]
    assert beside.value == rho.value
    assert beside.estimate.interval.method == "exact-bootstrap"


def test_the_p_value_by_enumeration(published, published_run):
    rows = [r for r in published.published("generation") if r["effective_dimension"]]
    x = rankdata([float(r["entropy_mean_nats"]) for r in rows])
    y = rankdata([float(r["effective_dimension"]) for r in rows])
    observed = abs(np.corrcoef(x, y)[0, 1])
    reached = sum(
        abs(np.corrcoef(x, p)[0, 1]) >= observed - 1e-12 for p in map(list, permutations(y))
    )
    rho = published_run[0]["dimension.rho.seven-models.published"]
    assert rho.p == pytest.approx(reached / factorial(6))


@pytest.mark.parametrize(
    ("model", "rho", "p"),
    [("gemma-9b", -0.1, 0.95), ("llama-8b", 0.5, 0.45), ("mistral-7b", 0.5, 0.45),
     ("yi-9b", 0.4, 0.517), ("deepseek-7b", 0.2, 0.783), ("qwen-7b", 0.7, 0.233)],
)  # fmt: skip
def test_leaving_one_model_out(published_run, model, rho, p):
    entry = published_run[0][f"dimension.leave-one-out.{model}.published"]
    assert entry.value == pytest.approx(rho, abs=1e-9)
    assert entry.p == pytest.approx(p, abs=5e-4)


def test_phi_4_has_a_reason_and_not_a_number(published_run):
    entry = published_run[0]["dimension.effective.phi4-14b.published"]
    assert entry.value is None
    assert entry.reason == "published_nan"


def test_the_ladder_gives_the_documented_figures(ladder_run):
    ledger, _ = ladder_run
    rho = ledger["dimension.rho.ladder"]
    assert rho.value == pytest.approx(-0.714286, abs=5e-7)
    assert rho.p == pytest.approx(0.136111, abs=5e-7)
    assert (rho.estimate.interval.low, rho.estimate.interval.high) == pytest.approx(
        (-0.97, 0.36), abs=0.005
    )
    documented = {
        "t03": 3.498,
        "t05": 3.574,
        "t07": 3.616,
        "t10": 3.449,
        "t13": 3.238,
        "t16": 3.403,
    }
    for key, value in documented.items():
        entry = ledger[f"dimension.effective.smollm2-135m-{key}"]
        assert entry.value == pytest.approx(value, abs=5e-4)
        assert entry.estimate.interval.low < value < entry.estimate.interval.high


def test_the_ladder_with_corrected_dimensions(ladder_run):
    """Values of the authors' package, and rho and p by enumeration in R."""
    ledger, section = ladder_run
    documented = {"t03": 3.977370, "t05": 4.162618, "t07": 4.207783,
                  "t10": 4.298978, "t13": 3.701418, "t16": 4.062478}  # fmt: skip
    for key, value in documented.items():
        entry = ledger[f"dimension.corrected.smollm2-135m-{key}"]
        assert entry.value == pytest.approx(value, abs=5e-7)
        assert entry.estimate.interval.low < entry.value < entry.estimate.interval.high
    rho = ledger["dimension.rho-corrected.ladder"]
    assert rho.value == pytest.approx(-0.085714, abs=5e-7)
    assert rho.p == pytest.approx(0.919444, abs=5e-7)
    assert (rho.estimate.interval.low, rho.estimate.interval.high) == pytest.approx(
        (-0.840, 0.781), abs=5e-4
    )
    (part,) = section.facts["parts"]
    assert part["estimator"] == "estimator"


@pytest.mark.parametrize(
    ("plain", "corrected", "word"),
    [(0.5, 0.5, "same"), (0.5, -0.1, "sign"), (0.5, 0.2, "estimator"), (0.5, 0.4, "weaker"),
     (-0.5, -0.7, "stronger"), (0.5, None, "")],
)  # fmt: skip
def test_what_correcting_does_is_said_in_words(ladder_run, plain, corrected, word):
    entry = ladder_run[0]["dimension.rho.ladder"]

    def valued(value):
        missing = Estimate.missing(Reason.TOO_FEW, 6)
        return dataclasses.replace(
            entry, estimate=missing if value is None else Estimate(value, 6), outcome=None
        )

    assert view._estimator(valued(plain), valued(corrected)) == word


def test_an_intervention_gets_its_own_answer(ladder_run):
    ledger, section = ladder_run
    assert ledger["dimension.level.ladder"].p is not None
    assert ledger["dimension.entropy-trend.ladder"].p < 0.001
    assert ledger["dimension.propagated.ladder"].estimate.interval.low < -0.5
    assert section.facts["parts"][0]["same_order"]


def test_the_number_of_models_needed(published_run):
    ledger, _ = published_run
    assert 28 <= ledger["dimension.required-reference.seven-models.published"].value <= 36
    assert not [e for e in ledger if "observed" in e.label]  # nothing post hoc
    assert ledger["dimension.detectable.seven-models.published"].value > 0.9


def test_the_text_claims_no_association(published_run):
    ledger, section = published_run
    filler = Filler(TEMPLATES, ledger, section.figures, section.tables)
    text = filler.fill("experiments/dimension.qmd.j2", section.facts)
    assert "give no evidence of an association" in text
    assert "is a positive association" not in text
    assert "How many models would be needed?" in text
    assert "the study's missing value" in text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.8, 1.0, "strong correlations of either sign"), (-1.0, 0.09, "a nearly perfect one"),
     (-0.2, 0.6, "as well as for a strong one"), (-0.3, 0.4, "no strong one"),
     (0.1, 1.0, "leaves out zero")],
)  # fmt: skip
def test_words_for_an_interval_fit_the_interval(published_run, low, high, words):
    entry = published_run[0]["dimension.rho.seven-models.published"]
    interval = dataclasses.replace(entry.estimate.interval, low=low, high=high)
    estimate = dataclasses.replace(entry.estimate, value=(low + high) / 2, interval=interval)
    assert words in view.room(dataclasses.replace(entry, estimate=estimate))


def test_figures_can_be_drawn_without_files(published_run, ladder_run):
    for _, section in (published_run, ladder_run):
        for figure in section.figures:
            canvas = Canvas(figsize=figure.size)
            figure.draw(canvas)
            assert canvas.axes[0].has_data()


def test_two_models_are_too_few_to_correlate(ladder):
    some = dict(list(ladder.features.baselines.items())[:2])
    ledger, section = run(StudyData(ladder.study, Features(baselines=some)))
    assert not ledger.select(quantity="rho")
    assert not section.figures
    found = ledger.select(quantity="effective")
    assert [e.reason for e in found] == [None] * 2 + ["missing_capture"] * 4
    text = Filler(TEMPLATES, ledger, section.figures, section.tables).fill(
        "experiments/dimension.qmd.j2", dict(section.facts)
    )
    assert "No cohort has as many" in text
    assert "missing value" not in text


def test_what_two_questions_tie_is_no_order_and_what_one_model_lacks_is_left_out(ladder):
    """Few questions: many resamples hold two of them, and give every model one dimension."""

    def few(b):
        projections = {axis: values[:5].copy() for axis, values in b.projections.items()}
        return dataclasses.replace(
            b, questions=b.questions[:5], n_tokens=b.n_tokens[:5], n_words=b.n_words[:5],
            projections=projections, entropy=b.entropy[:5],
        )  # fmt: skip

    baselines = {key: few(b) for key, b in ladder.features.baselines.items()}
    first = next(iter(baselines.values()))
    first.projections["warm_cold"][2] = np.nan
    data = StudyData(ladder.study, Features(baselines))
    entries = {e.id: e for e in dimension.analyse(data).entries}
    found = entries["dimension.propagated.ladder"].estimate.interval
    assert found.undefined_share > 0.05
    kept = [0, 1, 3, 4]
    again = nested(
        [[b.entropy[kept], *(p[kept] for p in b.projections.values())] for b in baselines.values()],
        resamples(data.plan.seed, "ladder", len(kept), 999), data.plan.ci_level,
    )  # fmt: skip
    assert (found.low, found.high) == pytest.approx((again["ci_low"], again["ci_high"]))
