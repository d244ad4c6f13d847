"""Shipped features that are not as they were written, from the file to the document."""

from __future__ import annotations

import csv
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Canvas

from report.audit.verify import verify
from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.capture.read_features import read_features
from report.cli import main
from report.document import outputs
from report.document.paper import write_source
from report.ledger.ledger import Entry, Ledger
from report.pipeline import Options, Results, build, compute, load
from report.study.study import load_study
from report.synthetic.simulate import simulate
from stats.outcome import Reason

Rows = list[list[str]]
Spoil = Callable[[Rows], object]
QUICK = Options((), "embedded", quick=True)


def computed(folder: Path) -> Results:
    return compute(load([folder], quick=True), QUICK, lambda _: None)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study as a paper's supplement holds it: features of three models, no captures."""
    folder = tmp_path_factory.mktemp("shipped") / "study"
    simulate(folder, models=3, questions=10, layers=4, hidden=16, seed=3)
    write_features(extract(load_study(folder)), folder / "features")
    shutil.rmtree(folder / "raw")
    return folder


@pytest.fixture(scope="module")
def sound(shipped: Path) -> Ledger:
    return computed(shipped).ledger


@pytest.fixture
def study(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / shipped.name))


def change(study: Path, table: str, spoil: Spoil) -> None:
    """Change the rows of the first model; the first of them are the names of the columns."""
    path = study / "features" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    first = [row for row in rows if row[0] == "sim_01"]
    mine = [header, *first]
    spoil(mine)
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([*mine, *(row for row in rows if row[0] != "sim_01")])


def swap(rows: Rows) -> None:
    rows[2], rows[5] = rows[5], rows[2]


def put(column: str, text: str) -> Spoil:
    def spoil(rows: Rows) -> None:
        rows[3][rows[0].index(column)] = text

    return spoil


# What is done to the rows of the first model in each table, and the experiments whose numbers of
# this model change then.
DAMAGE: dict[str, tuple[dict[str, Spoil], str]] = {
    "rows swapped or doubled, and a point of a figure lost": (
        {
            "questions": swap,
            "layers": swap,
            "calibration": lambda rows: rows.append(rows[3]),
            "positions": lambda rows: rows.pop(3),
        },
        "",
    ),
    "a question lost": (
        {"questions": lambda rows: rows.pop(3)},
        "behaviour dimension generation integrity layers signature",
    ),
    "a layer and an answer lost": (
        {"layers": lambda rows: rows.pop(3), "calibration": lambda rows: rows.pop(3)},
        "calibration integrity layers signature",
    ),
    "a spectrum lost": ({"spectra": lambda rows: rows.pop(3)}, "layers"),
    "a spectrum": ({"spectra": put("spectral_entropy", "--")}, "layers"),
    "entropy infinite": ({"questions": put("entropy", "inf")}, "behaviour generation integrity"),
    "entropy of a layer and of an answer": (
        {"layers": put("entropy", "1e308"), "calibration": put("entropy", "1e308")},
        "calibration integrity layers signature",
    ),
    "a projection": (
        {"questions": put("warm_cold", "abc")},
        "behaviour dimension integrity signature",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_costs_what_rests_on_it_and_is_said(
    name: str, study: Path, sound: Ledger, tmp_path: Path, faults: Callable[[str], list[str]]
) -> None:
    damage, experiments = DAMAGE[name]
    for table, spoil in damage.items():
        change(study, table, spoil)
    results = computed(study)
    (data,) = results.studies
    found = {p.file for p in data.features.problems if not p.note}
    assert {f"{table}.csv" for table in damage} <= found
    both = [(before, results.ledger.get(before.id)) for before in sound]
    moved = [(before, now) for before, now in both if now is None or said(before) != said(now)]
    assert " ".join(sorted({before.experiment for before, _ in moved})) == experiments
    assert all("sim_01" in (before.model or "sim_01") for before, _ in moved)
    lost = {
        now.estimate.reason
        for before, now in moved
        if now is not None and before.value is not None and now.value is None
    }
    assert lost <= {Reason.DAMAGED_FILE, Reason.NON_FINITE}
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    assert faults(text.replace(r"\'inf\'", "")) == []


def said(entry: Entry) -> object:
    return entry.estimate, entry.outcome


@pytest.mark.parametrize(
    "columns",
    [
        {"questions": "n_tokens"},
        {"questions": "entropy misaligned_entropy", "calibration": "entropy"},
        {"questions": "warm_cold formal_casual"},
        {"layers": "entropy", "spectra": "spectral_entropy"},
        {"spectra": "spectral_entropy"},
    ],
)
def test_columns_of_which_nothing_is_known_leave_a_document_that_reads_well(
    columns: dict[str, str], study: Path, tmp_path: Path, faults: Callable[[str], list[str]]
) -> None:
    for table, names in columns.items():
        path = study / "features" / f"{table}.csv"
        header, *rows = csv.reader(path.read_text("utf-8").splitlines())
        for row, column in itertools.product(rows, names.split()):
            row[header.index(column)] = "abc"
        with path.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows([header, *rows])
    results = computed(study)
    assert faults(write_source(results, tmp_path, "embedded").read_text("utf-8")) == []
    for figure in outputs.figures_of(results.sections):
        figure.draw(canvas := Canvas(figsize=figure.size))
        assert any(axes.has_data() for axes in canvas.axes), figure.id


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_a_build_of_damaged_features_proves_itself_and_says_it(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(study, "questions", put("entropy", "inf"))
    change(study, "layers", lambda rows: rows.pop(3))
    change(study, "spectra", lambda rows: rows.pop(3))
    change(study, "calibration", lambda rows: rows.pop(5))
    (study / "features" / "positions.csv").unlink()
    assert main(["check", str(study)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    for part in ("'inf' in line 4", "no row of question 1, layer 2", "positions.csv"):
        assert part in printed
    built = build([study], tmp_path / "out", QUICK, lambda _: None)
    assert len(built.findings) > 6
    assert [f"{d.place}: {d.problem}" for d in verify(built.folder).disagreements] == []
    # What the build ships says what it lacks, and is as it was written.
    again = read_features(built.folder / "data" / "study" / "features")
    assert all("SHA-256" not in p.problem for p in again.problems if p.file == "meta.json")
    assert again.baselines["sim_01"].spectral_entropy is None


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_without_meta_json_there_is_a_document_all_the_same(study: Path, tmp_path: Path) -> None:
    (study / "features" / "meta.json").unlink()
    built = build([study], tmp_path / "out", QUICK, lambda _: None)
    assert any(line.startswith("meta.json: can't be read") for line in built.findings)
    assert verify(built.folder).disagreements == []
