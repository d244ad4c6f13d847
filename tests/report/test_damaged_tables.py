"""A bad cell of a published table, or a bad claim, costs its own rows and never the build."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from report.audit.finished import load_finished
from report.audit.recompute import compare
from report.audit.verify import verify
from report.cli import main
from report.document import outputs
from report.document.paper import write_source
from report.ledger.ledger import Ledger
from report.pipeline import Options, Results, compute, load
from stats.outcome import Reason
from tests.report.study.test_other_papers import FULL, HEADERS, paper

Write = Callable[[Path, dict[str, Any]], Path]
QUICK = Options(("html",), "embedded", quick=True)


def computed(folder: Path) -> Results:
    return compute(load([folder], quick=True), QUICK, lambda _: None)


def change(folder: Path, table: str, before: str, after: str) -> None:
    path = folder / "published" / f"{table}.csv"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


@pytest.fixture
def tone(tmp_path: Path, write_study: Write) -> Path:
    return paper(write_study, tmp_path / "tone", FULL)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, write_study: Write) -> Ledger:
    return computed(paper(write_study, tmp_path_factory.mktemp("sound") / "tone", FULL)).ledger


# Table, what stands there, what is put in its place, the entries that are lost.
DAMAGE = [
    ("generation", "0.61", "abc", {"generation.mean.alba.published"}),
    ("generation", "0.61", "1e308", {"generation.mean.alba.published"}),
    ("generation", ",0.11", ",inf", {"generation.difference.alba.boreal.published"}),
    ("generation", ",24,", ",2_4,", {"generation.mean.alba.published",
                                     "dimension.effective.alba.published"}),
    ("generation", "alba", "alpa", set()),
    ("generation", "effective_dimension", "effective", {"dimension.effective.alba.published"}),
    ("layers", "2.0", "nan", {"layers.max.alba.published", "layers.width.alba.published"}),
    ("layers", "n_layers", "n_layer", {"layers.count.alba.published",
                                       "signature.peak.alba.kind-harsh.published"}),
    ("layers", "entropy_min_nats", "entropy_max_nats", {"layers.width.alba.published"}),
    ("behaviour", "0.70", "7", {"behaviour.axis.alba.kind-harsh.published"}),
    ("behaviour", "kind_harsh", "kind", {"behaviour.axis.alba.kind-harsh.published"}),
    ("dead_zones", ",0,", ",?,", {"behaviour.zones.alba.published"}),
    ("calibration", "0.10", "1e99", {"calibration.delta.alba.kind-harsh.published"}),
    ("calibration", "kind_harsh", "kin", {"calibration.delta.alba.kind-harsh.published",
                                          "calibration.positive.alba.kind-harsh.published"}),
    ("peaks", ",0.75", ",x", {"signature.peak.alba.kind-harsh.published"}),
    ("peaks", "alba,kind_harsh,0", "alba,kind_harsh,-1",
     {"signature.peak.alba.kind-harsh.published"}),
]  # fmt: skip


# Of all models at once.
COLUMNS = ("effective_dimension", "n_layers", "entropy_min_nats")


@pytest.mark.parametrize(("table", "before", "after", "lost"), DAMAGE)
def test_a_bad_cell_costs_what_rests_on_it(
    tone: Path, sound: Ledger, tmp_path: Path, faults: Callable[[str], list[str]],
    table: str, before: str, after: str, lost: set[str],
) -> None:  # fmt: skip
    change(tone, table, before, after)
    results = computed(tone)
    for name in lost:
        entry = results.ledger[name]
        assert Reason.DAMAGED_FILE in (entry.reason, entry.outcome and entry.outcome.reason)
    for entry in results.ledger:
        about_others = entry.model and "alba" not in entry.model.split()
        if about_others and entry.quantity != "leave-one-out" and before not in COLUMNS:
            assert entry.estimate == sound[entry.id].estimate
    found = [p for p in results.studies[0].problems if not p.note]
    assert {p.file for p in found} == {f"{table}.csv"}
    assert all(p.costs and p.remedy for p in found)
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    assert "tbl-app-problems" in text
    assert f"`{table}.csv`" in text
    # What the file holds is quoted as it is.
    assert faults(re.sub(r"(holds|names) \\'.*?\\'", r"\1 a word", text)) == []


@pytest.mark.parametrize("place", range(1, 7))
def test_a_column_of_which_nothing_is_known_leaves_a_document_that_reads_well(
    place: int, tmp_path: Path, write_study: Write, faults: Callable[[str], list[str]]
) -> None:
    """In every table the column of this place, but for the keys."""
    tables = dict(FULL)
    for table, names in HEADERS.items():
        column = place + ("axis" in names.split())
        if column < len(names.split()):
            tables[table] = [(*row[:column], "N/A", *row[column + 1 :]) for row in FULL[table]]
    results = computed(paper(write_study, tmp_path / "tone", tables))
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    assert faults(text.replace("Known are: published, nan", "")) == []
    for figure in outputs.figures_of(results.sections):
        figure.draw(canvas := Canvas(figsize=figure.size))
        assert any(axes.has_data() for axes in canvas.axes), figure.id


@pytest.mark.parametrize("column", ["answers", "recovered_mean_nats"])
def test_a_column_that_a_table_need_not_have_may_be_empty(
    column: str, tmp_path: Path, root: Path, faults: Callable[[str], list[str]]
) -> None:
    source, without = root / "data" / "entropy-2026-02", shutil.ignore_patterns("claims.toml")
    study = Path(shutil.copytree(source, tmp_path / "entropy-2026-02", ignore=without))
    path = study / "published" / "integrity_models.csv"
    header, *rows = csv.reader(path.read_text("utf-8").splitlines())
    for row in rows:
        row[header.index(column)] = ""
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    text = write_source(computed(study), tmp_path, "embedded").read_text("utf-8")
    assert faults(text) == []


def test_the_others_of_a_family_gain_nothing_by_it(tone: Path, sound: Ledger) -> None:
    change(tone, "behaviour", "0.70", "7")
    ledger = computed(tone).ledger
    family = "behaviour.axis.tone.published"
    assert ledger.families[family].m == sound.families[family].m
    for name in ledger.families[family].members:
        for rule, p in ledger[name].p_adjusted.items():
            assert p >= sound[name].p_adjusted[rule]


def test_check_build_and_verify_say_what_is_wrong(
    tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(tone, "dead_zones", "alba,0.5", "alba,1e308")
    change(tone, "generation", "0.11", "inf")
    (tone / "published" / "layers.csv").unlink()
    os.mkfifo(tone / "published" / "layers.csv")
    (tone / "claims.toml").write_text("[[claims]]\nid = 3\n", encoding="utf-8")
    said = ("'1e308'", "'inf'", "is no regular file", "should be a valid string")

    assert main(["check", str(tone)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert main(["check", str(tone), "--json"]) == 1
    shown_json = capsys.readouterr().out
    assert "layers.csv" in shown
    arguments = ["build", str(tone), "--quick", "--to", "html", "--renderer", "embedded"]
    assert main([*arguments, "--out", str(tmp_path / "build")]) == 0
    printed = capsys.readouterr().err
    html = (tmp_path / "build" / "tone" / "report.html").read_text("utf-8")
    for words in said:
        assert words in shown_json
        assert words in printed
        assert words.replace("'", "’") in html or words.replace("'", "&#39;") in html
    assert main(["claims", str(tone), "--quick", "--out", str(tmp_path / "build")]) == 1

    built = load_finished(tmp_path / "build" / "tone")
    used = tmp_path / "build" / "tone" / "data" / "tone" / "published" / "accepted"
    assert sorted(path.name for path in used.iterdir()) == ["dead_zones.csv", "generation.csv"]
    for name in ("behaviour.dead-zones.tone.published", "behaviour.zones.alba.published"):
        compared = compare(built.ledger[name], built)
        assert compared is not None
        assert not compared.differ
    assert verify(built.folder, [], lambda _: None).disagreements == []
