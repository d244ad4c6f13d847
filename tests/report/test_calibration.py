"""Experiment 4: entropy by pole."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure as Canvas

from report.experiments import calibration
from report.experiments.base import StudyData
from report.features import Features
from report.fill import Filler
from report.ledger import settle
from report.study import load_study
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


def test_a_published_bound_is_called_one(published):
    entry = settled(published)[DELTA.format("yi-9b", "formal-casual")]
    assert entry.p == 0.001
    assert entry.outcome is not None
    assert "upper bound" in entry.outcome.method


def test_the_section_says_what_is_wrong_with_the_published_numbers(root, published):
    section, text = filled(root, published, settled(published))
    assert "three survive" in text
    assert "@sec-integrity" in text
    assert "are permuted" in text
    assert "different vendors" in text
    assert "differs between these models on verbose–concise." in text
    assert "p ≤ .001" in text
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
    assert "three" not in section.figures[0].alt
    assert "confident–cautious in Gemma 2 9B (base)" in section.figures[0].alt
