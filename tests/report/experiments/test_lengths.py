"""Answers that end at the limit of generation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from report.capture.check import inspect
from report.capture.lengths import limit_of
from report.document.fill import Filler
from report.document.parts import Stat
from report.experiments import behaviour, calibration, generation
from report.experiments.base import StudyData, subjects
from report.experiments.behaviour.tables import strongest_table
from report.ledger.ledger import settle
from report.study import paths
from report.study.study import load_study
from stats.outcome import Reason

EXPERIMENTS = (generation, behaviour, calibration)


def settled(data):
    found = [experiment.analyse(data) for experiment in EXPERIMENTS]
    return settle([e for a in found for e in a.entries], [f for a in found for f in a.families])


@pytest.fixture(scope="module")
def shipped(shipped_features):
    study = load_study(paths.DATA / "smollm2")
    plan = study.plan.model_copy(update={"n_resamples": 99})
    study = study.model_copy(update={"plan": plan})
    return StudyData(study, shipped_features)


@pytest.fixture(scope="module")
def ledger(shipped):
    return settled(shipped)


@pytest.mark.parametrize(
    ("counts", "limit"),
    [
        ([160] * 22 + [30, 40, 50, 50, 60, 70, 80, 90], 160),
        ([64] * 30, 64),
        (list(range(24, 54)), None),
        ([9, 9, 5, 6, 7], None),  # two are no sign
        ([9, 9, 9] + list(range(1, 9)) * 5, None),  # as many as of other lengths
        ([0, 0, 0, 0], None),  # nothing is known
        ([], None),
    ],
)
def test_a_limit_shows_in_many_answers_of_the_largest_length(counts, limit):
    assert limit_of(counts) == limit


def test_random_lengths_show_no_limit():
    rng = np.random.default_rng(5)
    draws = [rng.integers(24, 64, 30) for _ in range(200)]
    draws += [rng.poisson(40, 30) for _ in range(200)]
    assert sum(limit_of(d.tolist()) is not None for d in draws) <= 2


def test_the_shipped_captures_are_said_to_be_cut_off(shipped, ledger, root):
    notes = [p for p in shipped.features.problems if p.reason == str(Reason.CENSORED)]
    assert sum(int(p.problem.split()[0]) for p in notes if p.part == "baseline") == 133
    assert [p.problem.split(" answers")[0] for p in notes if p.part == "calibration"] == [
        "331 of 420"
    ]
    assert all(p.note for p in notes)
    checked = [p for report in inspect(shipped.study) for p in report.problems]
    assert all(note in checked for note in notes)
    shares = [e.value for e in ledger.select(experiment="generation", quantity="longest")]
    assert shares == pytest.approx([n / 30 for n in (22, 25, 25, 25, 17, 19)])


def test_no_difference_of_lengths_where_most_of_a_side_is_at_the_limit(shipped, ledger, root):
    tokens = ledger.select(experiment="calibration", quantity="tokens", model="smollm2_135m_t07")
    longest = {
        e.axis: e.value
        for pole in ("positive", "negative")
        for e in ledger.select(experiment="calibration", quantity=f"longest-{pole}")
        if e.value is not None
    }
    assert len(longest) == 7
    assert {e.reason for e in tokens} == {Reason.CENSORED}
    assert all(e.p is None and e.outcome.reason is Reason.CENSORED for e in tokens)
    section = calibration.present([shipped], ledger, {})
    text = Filler(root / "templates", ledger, section.figures, section.tables).fill(
        "experiments/calibration.qmd.j2", dict(section.facts)
    )
    assert "7 of the 7" in text or "all seven" in text or "All seven" in text, text
    assert "a difference in length is shown for" not in text


def test_lengths_below_the_limit_are_compared_as_before(shipped):
    features = shipped.features
    (key,) = features.calibrations
    held = features.calibrations[key]
    lengths = np.random.default_rng(1).integers(20, 60, held.n_tokens.size)
    free = replace(held, n_tokens=lengths, limit=limit_of(lengths.tolist()))
    data = StudyData(shipped.study, replace(features, calibrations={key: free}))
    tokens = settled(data).select(experiment="calibration", quantity="tokens", model=key)
    assert all(e.value is not None for e in tokens)


def test_the_number_of_lengths_stands_beside_the_partial_correlation(shipped, ledger):
    found = ledger.select(experiment="behaviour", quantity="lengths")
    assert [e.value for e in found] == [8, 6, 6, 6, 11, 9]
    (subject,) = subjects(shipped)
    table = strongest_table(shipped, ledger, subject)
    names = [e.id for e in found]
    assert {row[-1].entry for row in table.rows if isinstance(row[-1], Stat)} <= set(names)
    assert all(isinstance(row[-1], Stat) for row in table.rows)
