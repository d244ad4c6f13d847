from __future__ import annotations

from pathlib import Path

import pytest

from report.experiments import signature
from report.experiments.base import StudyData
from report.features import Features
from report.fill import Filler
from report.ledger import settle
from report.study import load_study
from stats.outcome import Reason

ROOT = Path(__file__).resolve().parents[2]


def filled(studies, ledger, arrays):
    section = signature.present(studies, ledger, arrays)
    filler = Filler(ROOT / "templates", ledger, section.figures, section.tables)
    return section, filler.fill("experiments/signature.qmd.j2", section.facts)


@pytest.fixture(scope="module")
def published():
    data = StudyData(load_study(ROOT / "data/entropy-2026-02"), Features())
    analysis = signature.analyse(data)
    return data, settle(analysis.entries, analysis.families)


def test_a_peak_of_38_among_29_layers_is_no_evidence(published):
    _, ledger = published
    alone = ledger["signature.peak-unsearched.qwen-7b.warm-cold.published"]
    assert alone.value == -0.38
    assert alone.p == pytest.approx(0.038, abs=5e-4)
    peak = ledger["signature.peak.qwen-7b.warm-cold.published"]
    assert peak.layer == 27
    assert peak.p == 1.0
    assert peak.rejected is False


def test_bound_is_the_number_of_layers_times_p(published):
    _, ledger = published
    alone = ledger["signature.peak-unsearched.llama-8b.verbose-concise.published"]
    peak = ledger["signature.peak.llama-8b.verbose-concise.published"]
    assert peak.p == pytest.approx(33 * alone.p)


def test_family_counts_every_peak_but_the_constant_one(published):
    _, ledger = published
    family = ledger.families["signature.peaks.entropy-2026-02.published"]
    assert len(family.members) == 42
    assert family.m == 41
    constant = ledger["signature.peak.deepseek-7b.proactive-reluctant.published"]
    assert constant.reason is Reason.CONSTANT_INPUT


def test_nominal_significance_agrees_with_the_studys_stars(published):
    data, ledger = published
    for row in data.published("peaks"):
        name = f"signature.peak-unsearched.{row['model']}.{row['axis']}.published"
        p = ledger[name.replace("_", "-")].p
        assert (p is not None and p < 0.05) == (row["starred"] == "true")


def test_published_part_is_complete(published):
    data, ledger = published
    section, text = filled([data], ledger, {data.study.id: {}})
    assert [f.filename for f in section.figures] == [
        "entropy-2026-02/combined_peak_positions_published"
    ]
    assert len(section.tables[0].rows) == 42
    assert "The strongest is proactive–reluctant in Gemma 2 9B" in text
    assert "No peaks were published for Phi-4 14B" in text
    assert "DeepSeek 7B with proactive–reluctant is missing" in text
