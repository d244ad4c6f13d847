"""A study that starts from shipped features gives the ledger that its captures give."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.document.paper import write_source
from report.pipeline import Options, Results, compute, load
from report.synthetic.simulate import simulate

QUICK = Options(quick=True)


def computed(folder: Path, cache: Path | None = None) -> Results:
    return compute(load([folder], quick=True), replace(QUICK, cache=cache), lambda _: None)


def shipped(source: Path, target: Path, cache: Path | None = None) -> Path:
    """Copy a study as a paper's supplement holds it: with features, without captures."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("raw"))
    write_features(extract(*load([source]), cache=cache), target / "features")
    return target


def at_level(ledger: str, level: str) -> str:
    """Write a ledger's JSON as if what comes from captures were of another evidence level."""
    document = json.loads(ledger)
    for entry in document["entries"]:
        entry["evidence"] = level
        # Selectors name the level of the statistics that another one is made from.
        sources = [s.replace("evidence=raw", f"evidence={level}") for s in entry["sources"]]
        entry["sources"] = sources
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, features_cache: Path) -> tuple[Results, Results]:
    source = Path(__file__).resolve().parents[3] / "data" / "smollm2"
    target = tmp_path_factory.mktemp("supplement") / "smollm2"
    return computed(source, features_cache), computed(shipped(source, target, features_cache))


@pytest.mark.slow
def test_the_ledgers_agree_to_the_last_digit(both: tuple[Results, Results]) -> None:
    raw, features = (results.ledger for results in both)
    assert len(raw) > 800
    assert features.to_json() == at_level(raw.to_json(), "features")


@pytest.mark.slow
def test_each_says_what_it_rests_on(both: tuple[Results, Results]) -> None:
    raw, features = ({e.evidence for e in results.ledger} for results in both)
    assert raw == {"raw"}
    assert features == {"features"}


@pytest.mark.slow
def test_the_sections_are_the_same_but_for_the_level(both: tuple[Results, Results]) -> None:
    raw, features = (results.sections for results in both)
    assert [s.slug for s in raw] == [s.slug for s in features]
    for one, other in zip(raw, features, strict=True):
        assert one.tables == other.tables, one.slug
        assert [(f.id, f.filename, f.caption, f.alt, f.size) for f in one.figures] == [
            (f.id, f.filename, f.caption, f.alt, f.size) for f in other.figures
        ]


@pytest.mark.slow
def test_the_document_names_the_features_that_it_read(
    both: tuple[Results, Results], tmp_path: Path
) -> None:
    texts: list[str] = []
    for name, results in zip(("raw", "features"), both, strict=True):
        (tmp_path / name).mkdir()
        texts.append(write_source(results, tmp_path / name, "embedded").read_text("utf-8"))
    raw, features = texts
    assert "features/questions.csv" not in raw
    assert features.count("`features/questions.csv`") == 1
    assert "its features were read in their place" in features
    assert "Projections are not behaviour." in raw
    assert "Projections are not behaviour." in features


def test_features_of_a_synthetic_study_stay_simulated(tmp_path: Path) -> None:
    simulate(tmp_path / "made", models=2, questions=8, layers=4, hidden=16, seed=3)
    made = computed(tmp_path / "made")
    again = computed(shipped(tmp_path / "made", tmp_path / "shipped"))
    assert {e.evidence for e in again.ledger} == {"simulated"}
    assert again.ledger.to_json() == made.ledger.to_json()
