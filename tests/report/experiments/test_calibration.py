"""Experiment 4: entropy by pole."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from scipy.stats import combine_pvalues, mannwhitneyu, wilcoxon

from report.capture.extract import extract_model
from report.capture.features import Calibration, Features, Problem
from report.document.fill import Filler
from report.experiments import calibration
from report.experiments.base import StudyData, entry_id
from report.ledger.ledger import settle
from report.study.study import Study, load_study
from stats.outcome import Reason

DELTA = "calibration.delta.{}.{}.published"


def settled(data):
    analysis = calibration.analyse(data)
    return settle(analysis.entries, analysis.families)


def filled(root, data, ledger):
    section = calibration.present([data], ledger, {})
    filler = Filler(root / "templates", ledger, section.figures, section.tables)
    return section, filler.fill("experiments/calibration.qmd.j2", dict(section.facts))


@pytest.fixture
def published(root):
    return StudyData(load_study(root / "data" / "entropy-2026-02"), Features())


def test_published_differences_and_the_family(published):
    ledger = settled(published)
    family = ledger.families["calibration.poles.entropy-2026-02.published"]
    assert (family.m, len(family.members), family.method) == (11, 14, "bh")
    kept = {e.id for e in ledger if e.rejected}
    assert kept == {
        DELTA.format("yi-9b", "formal-casual"),
        DELTA.format("gemma-9b-base", "formal-casual"),
        DELTA.format("gemma-9b-base", "confident-cautious"),
    }
    confident = ledger[DELTA.format("gemma-9b-base", "confident-cautious")]
    assert confident.value == 0.248
    assert confident.p_adjusted["bh"] == pytest.approx(0.001 * 11 / 3)
    assert ledger[DELTA.format("yi-9b", "confident-cautious")].p_adjusted["bh"] == pytest.approx(
        0.110 * 11 / 4
    )


def test_what_was_not_published_is_missing_with_its_reason(published):
    ledger = settled(published)
    missing = {e.id for e in ledger if e.quantity == "delta" and e.reason}
    assert missing == {
        DELTA.format("yi-9b", "patient-irritated"),
        DELTA.format("yi-9b", "proactive-reluctant"),
        DELTA.format("gemma-9b-base", "proactive-reluctant"),
    }
    assert {ledger[name].reason for name in missing} == {Reason.PUBLISHED_NAN}
    assert not any(e.estimate.interval for e in ledger)


def plain(text):
    """Leave the words of the links to the appendix, with spaces that may break."""
    return re.sub(r"\[([^\[\]]*)\]\(#row-[^)]*\)\{[^}]*\}", r"\1", text).replace("\u00a0", " ")


def test_a_published_bound_is_called_one(published):
    entry = settled(published)[DELTA.format("yi-9b", "formal-casual")]
    assert entry.p == 0.001
    assert entry.outcome is not None
    assert "upper bound" in entry.outcome.method


def test_the_section_says_what_is_wrong_with_the_published_numbers(root, published):
    section, text = filled(root, published, settled(published))
    assert "three survive" in plain(text)
    assert "@sec-integrity" in text
    assert "are permuted" in text
    assert "different vendors" in text
    assert "differs between these models on verbose–concise." in text
    assert "p ≤ .001" in text.replace("\u00a0", " ")
    assert text.count("As printed, entropy is higher under *formal*") == 1  # of both models at once
    assert "agreement in sign is no replication" in text
    assert "On formal–casual the difference also survives correction in both." in text
    assert [f.filename for f in section.figures] == [
        "entropy-2026-02/exp4_calibration_entropy_published"
    ]


def test_the_published_figure_marks_what_survives(published):
    section = calibration.present([published], settled(published), {})
    canvas = Canvas(figsize=section.figures[0].size, layout="constrained")
    section.figures[0].draw(canvas)
    markers = [
        line for axes in canvas.axes[1::2] for line in axes.get_lines() if line.get_marker() == "o"
    ]
    solid = [line for line in markers if line.get_markerfacecolor() != "white"]
    assert (len(markers), len(solid)) == (11, 3)
    assert "confident–cautious and formal–casual in Gemma 2 9B (base)" in section.figures[0].alt


# --- captures ---------------------------------------------------------------------------

AXES = ("warm_cold", "formal_casual", "verbose_concise")
QUESTIONS = tuple(f"question {i}" for i in range(12))


def study(*models, unit="model"):
    poles = [key.split("_") for key in AXES]
    return Study.model_validate(
        {
            "id": "made-up",
            "title": "Made up",
            "date": "2026-01-01",
            "plan": {"seed": 7, "n_resamples": 199},
            "axes": [
                {"key": key, "positive": pos, "negative": neg}
                for key, (pos, neg) in zip(AXES, poles, strict=True)
            ],
            "cohorts": [{"key": "pair", "title": "Pair", "unit": unit}],
            "models": [
                {"key": key, "name": key.title(), "cohort": "pair", "tuning": tuning, "family": "F"}
                for key, tuning in models
            ],
        }
    )


def answers(model, shifts, noise, *, axes=AXES, other_questions=False, lost=()):
    """Answers whose entropy is `shifts[axis]` higher under the positive pole."""
    rows = [(a, p, q) for a in axes for p in ("positive", "negative") for q in range(12)]
    entropy = [
        0.5 + 0.01 * q + (shifts[a] if p == "positive" else 0.0) + noise[rows.index((a, p, q))]
        for a, p, q in rows
    ]
    for i in lost:
        entropy[i] = np.nan
    return Calibration(
        model=model,
        axis=tuple(a for a, _, _ in rows),
        pole=tuple(p for _, p, _ in rows),
        question=tuple(QUESTIONS[q] + (p if other_questions else "") for _, p, q in rows),
        n_tokens=np.array([20 + q + 3 * (p == "positive") for _, p, q in rows]),
        n_words=np.full(len(rows), 10),
        entropy=np.array(entropy),
        boundaries="counts",
    )


SHIFTS = {"warm_cold": 0.0, "formal_casual": 0.2, "verbose_concise": -0.1}


@pytest.fixture
def noise():
    return np.random.default_rng(3).normal(0.0, 0.02, 72)


@pytest.fixture
def two(noise):
    """A base and an instruct model of one family."""
    calibrations = {
        "base": answers("base", SHIFTS, noise),
        "tuned": answers("tuned", SHIFTS | {"verbose_concise": 0.1}, noise[::-1]),
    }
    return StudyData(study(("base", "base"), ("tuned", "instruct")), Features({}, calibrations))


def test_paired_contrasts_against_a_second_path(two):
    ledger = settled(two)
    held = two.features.calibrations["base"]
    for axis in AXES:
        x, y = (
            np.array([e for a, p, e in zip(held.axis, held.pole, held.entropy, strict=True)
                      if (a, p) == (axis, pole)])
            for pole in ("positive", "negative")
        )  # fmt: skip
        entry = ledger[entry_id("calibration", "delta", "base", axis)]
        assert entry.p == pytest.approx(wilcoxon(x, y, method="exact").pvalue)
        walsh = [(a + b) / 2 for i, a in enumerate(x - y) for b in (x - y)[i:]]
        assert entry.value == pytest.approx(np.median(walsh))
        assert entry.estimate.interval is not None
        positive = ledger[entry_id("calibration", "positive", "base", axis)]
        assert positive.value == pytest.approx(x.mean())


def test_planted_differences_survive_and_null_ones_do_not(two):
    ledger = settled(two)
    kept = {(e.model, e.axis) for e in ledger if e.quantity == "delta" and e.rejected}
    planted = {(m, a) for m in ("base", "tuned") for a in ("formal_casual", "verbose_concise")}
    assert kept == planted
    assert ledger.families["calibration.poles.made-up.pair"].m == 6


def test_length_stands_beside_the_contrast(two):
    ledger = settled(two)
    tokens = ledger["calibration.tokens.base.warm-cold"]
    assert tokens.value == 3.0
    assert tokens.rejected
    # The difference in length is the same for every question: nothing to correlate.
    assert ledger["calibration.length-rho.base.warm-cold"].reason is Reason.CONSTANT_INPUT


def test_replication_and_tuning_over_models(two):
    ledger = settled(two)
    formal = ledger["calibration.replication.pair.formal-casual"]
    deltas = [ledger[f"calibration.delta.{m}.formal-casual"] for m in ("base", "tuned")]
    assert formal.value == pytest.approx(np.mean([e.value for e in deltas]))
    assert formal.outcome is not None
    expected = combine_pvalues([e.p / 2 for e in deltas], method="stouffer")
    assert formal.outcome.statistic == pytest.approx(expected.statistic)
    assert ledger["calibration.agreement.pair.formal-casual"].value == 1.0
    assert ledger["calibration.agreement.pair.verbose-concise"].value == 0.5
    kept = {e.axis for e in ledger if e.quantity == "tuning" and e.rejected}
    assert kept == {"verbose_concise"}


def bounded(calibration, below, above):
    """Widen entropies to bounds: mass is missing."""
    size = calibration.entropy.size
    return dataclasses.replace(
        calibration,
        entropy_low=calibration.entropy - below,
        entropy_high=calibration.entropy + above,
        stored_mass=np.full(size, 0.9),
    )


def with_bounds(two, width):
    """Of the base model only bounds are known; of its sibling everything."""
    held = two.features.calibrations
    calibrations = {"base": bounded(held["base"], width, width), "tuned": held["tuned"]}
    return settled(StudyData(two.study, Features({}, calibrations)))


def test_narrow_bounds_leave_the_smallest_differences(two):
    ledger = with_bounds(two, 0.05)
    found = ledger["calibration.replication.pair.formal-casual"]
    base, tuned = (ledger[f"calibration.delta.{m}.formal-casual"] for m in ("base", "tuned"))
    assert 0.0 < base.value < 0.15 < tuned.value
    assert found.value == pytest.approx((base.value + tuned.value) / 2)
    assert found.label.endswith("(the smallest that the bounds allow)")
    assert ledger["calibration.agreement.pair.formal-casual"].value == 1.0
    tuning = ledger["calibration.tuning.base.tuned.verbose-concise"]
    assert tuning.value < 0.0
    assert tuning.rejected
    low, high = ledger.set_of(tuning)
    assert low.value < -0.2 < high.value < 0.0


def test_wide_bounds_leave_nothing_to_combine_or_to_compare(two):
    ledger = with_bounds(two, 0.3)
    for name in ("replication.pair", "agreement.pair", "tuning.base.tuned", "delta.base"):
        entry = ledger[f"calibration.{name}.formal-casual"]
        assert entry.reason is Reason.NOT_IDENTIFIED
        assert entry.p is None
    assert ledger["calibration.length-rho.base.formal-casual"].reason is Reason.NOT_IDENTIFIED


def test_models_that_point_apart_are_not_combined_where_one_is_bounded(noise):
    """The smallest difference weighs too little: its sign may be that of the true mean."""
    apart = SHIFTS | {"formal_casual": -0.15}
    calibrations = {
        "a": bounded(answers("a", SHIFTS, noise), 0.03, 0.03),
        "b": answers("b", apart, noise[::-1]),
    }
    data = StudyData(study(("a", "instruct"), ("b", "instruct")), Features({}, calibrations))
    ledger = settled(data)
    bounded_one, other = (ledger[f"calibration.delta.{m}.formal-casual"] for m in "ab")
    assert other.value < 0.0 < bounded_one.value
    entry = ledger["calibration.replication.pair.formal-casual"]
    assert entry.reason is Reason.NOT_IDENTIFIED
    assert ledger["calibration.agreement.pair.formal-casual"].value == 0.5


def test_conditions_of_one_model_are_no_replications(noise):
    calibrations = {m: answers(m, SHIFTS, noise) for m in ("a", "b")}
    data = StudyData(
        study(("a", "instruct"), ("b", "instruct"), unit="condition"), Features({}, calibrations)
    )
    assert not settled(data).select(quantity="replication")


def test_other_questions_under_the_other_pole_are_compared_unpaired(noise):
    held = answers("a", SHIFTS, noise, other_questions=True)
    data = StudyData(study(("a", "instruct")), Features({}, {"a": held}))
    ledger = settled(data)
    entry = ledger["calibration.delta.a.formal-casual"]
    assert entry.method == "Hodges–Lehmann, unpaired"
    x, y = held.entropy[24:36], held.entropy[36:48]
    assert entry.p == pytest.approx(mannwhitneyu(x, y, method="exact").pvalue)
    assert entry.value == pytest.approx(np.median(np.subtract.outer(x, y)))
    assert ledger["calibration.rank-biserial.a.formal-casual"].estimate.interval is None


def test_a_lost_answer_costs_its_question_only(noise):
    held = answers("a", SHIFTS, noise, lost=(0, 13))
    ledger = settled(StudyData(study(("a", "instruct")), Features({}, {"a": held})))
    assert ledger["calibration.delta.a.warm-cold"].estimate.n == 10
    assert ledger["calibration.delta.a.formal-casual"].estimate.n == 12


@pytest.mark.parametrize(("gone", "method", "n"), [
    (1, "Hodges–Lehmann, paired", 11), (5, "Hodges–Lehmann, paired", 7),
    (6, "Hodges–Lehmann, unpaired", 18),
])  # fmt: skip
def test_questions_without_a_partner_are_left_out_while_they_are_few(noise, gone, method, n):
    held = answers("a", SHIFTS, noise)
    kept = np.arange(gone, 72)  # the first questions of the positive pole of the first axis
    fields = {name: tuple(getattr(held, name)[i] for i in kept)
              for name in ("axis", "pole", "question")}  # fmt: skip
    arrays = {name: getattr(held, name)[kept] for name in ("n_tokens", "n_words", "entropy")}
    fewer = replace(held, **fields, **arrays)
    ledger = settled(StudyData(study(("a", "instruct")), Features({}, {"a": fewer})))
    delta = ledger["calibration.delta.a.warm-cold"]
    assert (delta.method, delta.estimate.n) == (method, n)
    positive, negative, difference = (
        ledger[f"calibration.{what}.a.warm-cold"].value
        for what in ("positive", "negative", "mean-difference")
    )
    partners = held.entropy[12 + gone : 24] if "unpaired" not in method else held.entropy[12:24]
    assert negative == pytest.approx(partners.mean())
    assert difference == pytest.approx(positive - negative)


def problem(model, reason, axis="", note=False):
    return Problem(
        "file.npz", axis, "gone", "", str(reason), "contrasts", model, "calibration", note
    )


def test_missing_axes_models_and_answers_carry_their_reasons(root, noise):
    held = answers("a", SHIFTS, noise, axes=AXES[:2], lost=range(12))
    features = Features(
        {}, {"a": held},
        (problem("a", Reason.MISSING_CAPTURE, "verbose_concise"),
         problem("b", Reason.DAMAGED_FILE),
         problem("c", Reason.MISSING_CAPTURE, note=True)),
    )  # fmt: skip
    data = StudyData(study(("a", "instruct"), ("b", "base"), ("c", "instruct")), features)
    ledger = settled(data)
    reasons = {(e.model, e.axis): e.reason for e in ledger if e.quantity == "delta" and e.reason}
    assert reasons == {
        ("a", "warm_cold"): Reason.TOO_FEW,
        ("a", "verbose_concise"): Reason.MISSING_CAPTURE,
        **{("b", axis): Reason.DAMAGED_FILE for axis in AXES},
        **{("c", axis): Reason.MISSING_CAPTURE for axis in AXES},
    }
    family = ledger.families["calibration.poles.made-up.pair"]
    assert (family.m, len(family.members)) == (1, 9)
    _, text = filled(root, data, ledger)
    assert Reason.DAMAGED_FILE.sentence in text
    assert "The other model has none." in text


def test_a_cohort_of_which_nothing_could_be_read_still_has_its_section(root):
    features = Features(problems=(problem("a", Reason.DAMAGED_FILE),))
    data = StudyData(study(("a", "instruct")), features)
    section, text = filled(root, data, settled(data))
    assert "None of its contrasts could be computed." in text
    canvas = Canvas(figsize=section.figures[0].size, layout="constrained")
    section.figures[0].draw(canvas)
    assert "no number" in {t.get_text() for t in canvas.axes[0].texts}


def test_the_section_tells_what_survives_and_what_repeats(root, two):
    section, text = filled(root, two, settled(two))
    assert "Of six contrasts,\nfour survive" in plain(text)
    assert "Entropy is higher under *formal* than under *casual*\nin Base (Δ = " in text
    assert text.count("Entropy is higher under *formal*") == 1  # both models in one sentence
    assert "Entropy is lower under *verbose* than under *concise*\nin Base (Δ = " in text
    assert "combined contrast stands on formal–casual" in text
    assert "Base is the base model of Tuned." in text
    assert "Δ differs on\nverbose–concise" in text
    assert "there, length is another explanation." in text
    assert len(section.tables) == 4
    for table in section.tables:
        assert f"#tbl-{table.id}" in text


def test_many_survivors_are_listed(root, noise):
    models = tuple((f"m{i}", "instruct") for i in range(5))
    calibrations = {key: answers(key, SHIFTS, noise) for key, _ in models}
    data = StudyData(study(*models), Features({}, calibrations))
    _, text = filled(root, data, settled(data))
    assert "In M0:\nformal–casual (Δ =" in text


def test_the_shipped_capture(root):
    data_study = load_study(root / "data" / "smollm2")
    model = data_study.model("smollm2_135m_t07")
    data = StudyData(data_study, extract_model(data_study, model))
    ledger = settled(data)
    family = ledger.families["calibration.poles.smollm2.ladder"]
    assert (family.m, len(family.members)) == (7, 42)
    # A second path: slice by the counts of the response file, average, test with scipy.
    stem = data_study.raw_folder / "smollm2_135m_t07_calibration"
    lines = [
        json.loads(line)
        for line in stem.with_name(stem.name + "_responses.jsonl").read_text().splitlines()
    ]
    with np.load(stem.with_name(stem.name + "_hidden_states.npz")) as arrays:
        logs = arrays["top_k_logprobs"].astype(float)
    p = np.exp(logs)
    token = -np.sum(p * np.where(np.isfinite(logs), logs, 0.0), axis=1)
    edges = np.cumsum([0, *(line["n_tokens"] for line in lines)])
    means = [token[a:b].mean() for a, b in pairwise(edges)]
    for axis in data_study.axes:
        by_pole = {
            pole: {line["question"]: m for line, m in zip(lines, means, strict=True)
                   if (line["axis"], line["pole"]) == (axis.key, pole)}
            for pole in ("positive", "negative")
        }  # fmt: skip
        x, y = (
            [by_pole[pole][q] for q in by_pole["positive"]] for pole in ("positive", "negative")
        )
        entry = ledger[entry_id("calibration", "delta", model.key, axis.key)]
        assert entry.p == pytest.approx(wilcoxon(x, y, method="exact").pvalue, rel=1e-6)
