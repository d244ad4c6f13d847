from __future__ import annotations

from pathlib import Path

import pytest

from report.experiments import layers
from report.experiments.base import StudyData
from report.features import Features
from report.fill import Filler
from report.ledger import settle
from report.study import load_study

ROOT = Path(__file__).resolve().parents[2]


def filled(studies, ledger, arrays):
    section = layers.present(studies, ledger, arrays)
    filler = Filler(ROOT / "templates", ledger, section.figures, section.tables)
    return section, filler.fill("experiments/layers.qmd.j2", section.facts)


@pytest.fixture(scope="module")
def published():
    data = StudyData(load_study(ROOT / "data/entropy-2026-02"), Features())
    analysis = layers.analyse(data)
    return data, settle(analysis.entries, analysis.families)


def test_widths_run_from_qwen_to_yi(published):
    _, ledger = published
    widths = {e.model: e.value for e in ledger.select(quantity="width")}
    assert len(widths) == 7
    assert min(widths, key=widths.get) == "qwen_7b"
    assert widths["qwen_7b"] == 0.51
    assert max(widths, key=widths.get) == "yi_9b"
    assert widths["yi_9b"] == 2.31
    ratio = ledger["layers.width-ratio.entropy-2026-02.published"]
    assert ratio.value == pytest.approx(2.31 / 0.51)


def test_published_part_is_complete(published):
    data, ledger = published
    section, text = filled([data], ledger, {data.study.id: {}})
    assert [f.filename for f in section.figures] == ["entropy-2026-02/exp2_layer_entropy_published"]
    assert len(section.tables[0].rows) == 7
    assert "narrowest in Qwen 2.5 7B" in text
    assert "widest in Yi 1.5 9B" in text
    assert "4.5" in text
