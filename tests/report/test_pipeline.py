"""The flow as a whole: what is left out changes nothing of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from report.document import outputs
from report.document.tables import to_csv
from report.experiments import EXPERIMENTS
from report.pipeline import Options, Results, compute, load

SLUGS = [experiment.SLUG for experiment in EXPERIMENTS]


def computed(folders: list[Path], *only: str) -> Results:
    studies = [
        study.model_copy(update={"plan": study.plan.model_copy(update={"n_resamples": 99})})
        for study in load(folders)
    ]
    return compute(studies, Options(only=only), lambda _: None)


@pytest.fixture(scope="module")
def folders(root: Path, synthetic: Path) -> list[Path]:
    return [root / "data" / "entropy-2026-02", synthetic]


@pytest.fixture(scope="module")
def whole(folders: list[Path]) -> Results:
    return computed(folders)


@pytest.mark.parametrize("slug", SLUGS)
def test_an_experiment_alone_says_what_it_says_among_all(
    folders: list[Path], whole: Results, slug: str
) -> None:
    alone = computed(folders, slug)
    (section,) = alone.sections
    (same,) = (s for s in whole.sections if s.slug == slug)
    assert [f.filename for f in section.figures] == [f.filename for f in same.figures]
    tables, known = outputs.tables_of([section]), outputs.tables_of([same])
    assert [t.id for t in tables] == [t.id for t in known]
    for one, other in zip(tables, known, strict=True):
        assert to_csv(one, alone.ledger) == to_csv(other, whole.ledger)
    entries = alone.ledger.select(experiment=slug)
    assert [e.row() for e in entries] == [e.row() for e in whole.ledger.select(experiment=slug)]


def test_nothing_is_analysed_for_an_experiment_that_rests_on_itself(folders: list[Path]) -> None:
    assert {e.experiment for e in computed(folders, "layers").ledger} == {"layers"}
