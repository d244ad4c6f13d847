"""From study folders to the finished document, in all the shapes that studies come in."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tomllib
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from report.capture.extract import extract
from report.cli import main
from report.document import figures, outputs
from report.document.manifest import code
from report.document.paper import write_source
from report.pipeline import Built, Options, Results, build, compute, load
from report.study.study import load_study
from report.synthetic.simulate import simulate

Fields = dict[str, Any]
Faults = Callable[[str], list[str]]


def built(study: Path, out: Path, *formats: str) -> Built:
    return build([study], out, Options(formats, "embedded", quick=True), lambda _: None)


class Page(HTMLParser):
    """The text of an HTML page, and the tags that it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[str] = []
        self._hidden = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All visible text; typographic quotes as they were typed."""
        return re.sub("[“”]", '"', " ".join("".join(self.words).split()))


# --- odd names ---------------------------------------------------------------------------

_ODD = '<mark>|*a*_b_`c`$d$[e](f)@g#h{i}\\k~l~^m^&lt;"n"'
ROLES = ("Title", "Source", "Summary", "Author", "Place", "Model", "Cohort", "Pole", "Other")


def odd(role: str) -> str:
    # A pole has to fit beside an axis of a figure.
    return f"{role}<mark>*_|$" if role in ("Pole", "Other") else f"{role}{_ODD}{role}"


@pytest.fixture(scope="module")
def oddly_named(
    tmp_path_factory: pytest.TempPathFactory,
    write_study: Callable[[Path, Fields], Path],
) -> Built:
    folder = tmp_path_factory.mktemp("odd") / "study"
    simulate(folder, models=2, questions=6, layers=3, hidden=16, seed=1)
    fields = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    fields |= {name.lower(): odd(name) for name in ("Title", "Source", "Summary")}
    fields["authors"] = [{"name": odd("Author"), "affiliation": odd("Place")}]
    fields["cohorts"][0]["title"] = odd("Cohort")
    fields["axes"][5] |= {"positive": odd("Pole"), "negative": odd("Other")}
    for number, model in enumerate(fields["models"]):
        model |= {"name": odd("Model") + f" {number}" * (number > 0), "short": "<b>|*_$&"}
    fields["models"][1]["tuning"] = "base"
    write_study(folder, fields)
    for path in [*folder.glob("raw/*.json"), *folder.glob("raw/*.jsonl")]:
        asked = json.dumps(f"Question {_ODD}")[1:-1] + "\\nnext line, twice"
        path.write_text(path.read_text("utf-8").replace("Synthetic question 3?", asked), "utf-8")
    first = folder / "raw" / "sim_01_baseline.json"
    document = json.loads(first.read_text("utf-8"))
    # The same question twice: problems name questions.
    document["responses"][4]["question"] = document["responses"][2]["question"]
    first.write_text(json.dumps(document), encoding="utf-8")
    return built(folder, tmp_path_factory.mktemp("out"), "html", "pdf")


@pytest.mark.slow
def test_odd_names_stand_in_the_page_as_they_are(oddly_named: Built) -> None:
    page = Page((oddly_named.folder / "report.html").read_text("utf-8"))
    assert "mark" not in page.tags
    for role in ROLES:
        whole = odd(role)
        assert whole in page.text, role
        # Nothing that begins like the name goes on in another way.
        rest = page.text.replace(whole, "")
        assert [rest[m.start() : m.start() + 80] for m in re.finditer(f"{role}[<|]", rest)] == []


@pytest.mark.slow
def test_odd_names_stand_in_the_tables_as_they_are(oddly_named: Built) -> None:
    found = 0
    for path in (oddly_named.folder / "tables").glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text("utf-8"))):
            for cell in row:
                if "Model" in cell and "mark" in cell:
                    assert odd("Model") in cell, path.name
                    found += 1
    assert found > 10


# --- studies that lack something -----------------------------------------------------------


def test_faults_are_found(faults: Faults) -> None:
    page = "---\n\n---\n# One\n\n## Two\n\n# Three\n\nIt is nan , see @fig-x.\n"
    assert len(faults(page)) == 4


# What is changed in the captures, or in the fields of study.toml.
Alter = Callable[[Path, Fields], None]


def without(*patterns: str) -> Alter:
    def alter(folder: Path, fields: Fields) -> None:
        for pattern in patterns:
            for path in (folder / "raw").glob(pattern):
                path.unlink()

    return alter


def nothing(folder: Path, fields: Fields) -> None:
    """Leave the study as it is."""


def calibration_alone(folder: Path, fields: Fields) -> None:
    without("*baseline*")(folder, fields)
    for model in fields["models"]:
        model["in_baseline"] = False


def no_raw_folder(folder: Path, fields: Fields) -> None:
    shutil.rmtree(folder / "raw")


def empty_published_folder(folder: Path, fields: Fields) -> None:
    (folder / "published").mkdir()


def two_cohorts(folder: Path, fields: Fields) -> None:
    fields["cohorts"].append({"key": "other", "title": "Other models"})
    for model in fields["models"][2:]:
        model["cohort"] = "other"


def level_missing(folder: Path, fields: Fields) -> None:
    """An intervention of which one level was not noted down."""
    fields["cohorts"][0] |= {"unit": "condition", "intervention": "temperature"}
    for number, model in enumerate(fields["models"][1:]):
        model["level"] = float(number)


def base_and_instruct(folder: Path, fields: Fields) -> None:
    fields["models"][0]["tuning"] = "base"


# How many models, and what is done to them.
SHAPES: dict[str, tuple[int, Alter]] = {
    "one model": (1, nothing),
    "two models": (2, nothing),
    "no calibration": (3, without("*calibration*")),
    "no baseline": (3, without("*baseline*")),
    "calibration alone": (1, calibration_alone),
    "no arrays": (3, without("*.npz")),
    "no JSON": (3, without("*_baseline.json")),
    "one baseline of three": (3, without("sim_0[23]*")),
    "no raw folder": (3, no_raw_folder),
    "empty published folder": (2, empty_published_folder),
    "two cohorts": (5, two_cohorts),
    "level missing": (4, level_missing),
    "base and instruct": (4, base_and_instruct),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_a_study_lacks_its_document_reads_well(
    shape: str, tmp_path: Path, write_study: Callable[[Path, Fields], Path], faults: Faults
) -> None:
    models, alter = SHAPES[shape]
    folder = tmp_path / "study"
    simulate(folder, models=models, questions=8, layers=4, hidden=16, seed=5)
    fields = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    alter(folder, fields)
    write_study(folder, fields)
    results = compute(load([folder], quick=True), Options(quick=True), lambda _: None)
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    assert faults(text) == []
    shown, made = outputs.figures_of(results.sections), outputs.tables_of(results.sections)
    for items in ([f.filename for f in shown], [f.id for f in shown], [t.id for t in made]):
        assert len(set(items)) == len(items)
    assert all(table.rows for table in made)
    assert [item.id for item in (*shown, *made) if f"-{item.id}" not in text] == []
    for figure in shown:
        canvas = Canvas(figsize=figure.size, layout="constrained")
        figure.draw(canvas)
        assert any(axes.has_data() for axes in canvas.axes), figure.id


@pytest.mark.slow
def test_a_study_without_anything_has_a_document_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FORMATS", ("svg", "png"))  # Word takes the second
    simulate(tmp_path / "study", models=2, questions=6, layers=3, hidden=16, seed=1)
    shutil.rmtree(tmp_path / "study" / "raw")
    made = built(tmp_path / "study", tmp_path / "out", "html", "docx")
    text = Page((made.folder / "report.html").read_text("utf-8")).text
    assert "there are no captures" in text
    assert "Neither captures nor published tables hold what this section needs." in text
    with zipfile.ZipFile(made.folder / "report.docx") as package:
        pages = re.findall(r"<w:pgSz[^>]*>", package.read("word/document.xml").decode())
    # The appendix lies across.
    assert ["landscape" in page for page in pages] == [False, True, False]
    assert main(["check", str(tmp_path / "study")]) == 1
    assert "Put the captures into this folder." in " ".join(capsys.readouterr().out.split())


# --- determinism -------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_builds_are_identical_to_the_last_byte(
    finished: Path, synthetic: Path, root: Path, tmp_path: Path
) -> None:
    """Whatever the folder, the number of processes, and the state of the cache."""
    first = contents(finished)
    for kind in ("svg", "csv", "md", "tex", "typ", "html", "json"):
        assert any(name.endswith(f".{kind}") for name in first), kind
    assert {"report.html", "report.typ", "ledger.json", "manifest.json"} <= set(first)

    study = Path(shutil.copytree(synthetic, tmp_path / "far" / synthetic.name))
    studies, cache = [root / "data" / "entropy-2026-02", study], tmp_path / "cache"
    extract(load_study(study), jobs=2, cache=cache)  # the first build had one process, no cache
    # A PDF is made from its source, the figures and the date alone (test_render_embedded).
    filled = Options(("html", "typst"), "embedded", cache=cache, quick=True)
    again = contents(build(studies, tmp_path / "far" / "two", filled, lambda _: None).folder)
    assert again.keys() == first.keys()
    # The finished build may be older than the last change in a room that only reads it.
    by = json.loads(first["manifest.json"])["code"]["report"].encode()
    first["manifest.json"] = first["manifest.json"].replace(by, code()["report"].encode())
    assert [name for name in first if again[name] != first[name]] == []


# --- a render that fails -----------------------------------------------------------------


@pytest.mark.slow
def test_a_failed_render_leaves_the_last_build_and_its_own_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    simulate(study, models=1, questions=6, layers=3, hidden=16, seed=1)
    for path in study.glob("raw/*baseline*"):
        path.unlink()  # a calibration has one figure, which is soon drawn
    command = ["build", str(study), "--out", str(out), "--to", "html", "--quick"]
    assert main([*command, "--renderer", "embedded"]) == 0
    good = contents(out / "study")
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "no-quarto-here"))
    assert main([*command, "--renderer", "quarto"]) == 3
    assert "QUARTO_PATH names" in capsys.readouterr().err
    assert contents(out / "study") == good
    failed = contents(out / "study.failed")
    assert failed["ledger.json"] == good["ledger.json"]
    assert failed["ledger.csv"] == good["ledger.csv"]
    assert "report.html" not in failed
    # The next good build clears up.
    assert main([*command, "--renderer", "embedded"]) == 0
    assert contents(out / "study") == good
    assert {path.name for path in out.iterdir()} == {"study", ".cache", ".study.lock"}


# --- the shipped captures ----------------------------------------------------------------

FIGURES = (
    "exp1_generation_entropy",
    "exp2_layer_entropy",
    "exp3_entropy_vs_behavior",
    "exp4_calibration_entropy",
    "layer_axis_heatmaps",
    "combined_layer_axis_panels",
    "combined_binned_heatmap",
    "combined_peak_positions",
)


@pytest.fixture(scope="module")
def shipped(root: Path, features_cache: Path) -> Results:
    options = Options(cache=features_cache, quick=True)
    return compute(load([root / "data" / "smollm2"], quick=True), options, lambda _: None)


@pytest.mark.slow
def test_the_shipped_captures_give_all_figures_under_the_names_of_the_study(
    shipped: Results, tmp_path: Path
) -> None:
    drawn = [f for f in outputs.figures_of(shipped.sections) if Path(f.filename).name in FIGURES]
    figures.save_all(drawn, tmp_path / "figures", lambda _: None)
    qmd = write_source(shipped, tmp_path, "embedded").read_text("utf-8")
    for name in FIGURES:
        assert (tmp_path / "figures" / "smollm2" / f"{name}.svg").stat().st_size > 999
        assert qmd.count(f"(figures/smollm2/{name}.svg)") == 1, name


@pytest.mark.slow
def test_the_shipped_captures_give_a_table_of_every_experiment(shipped: Results) -> None:
    made = {table.id for table in outputs.tables_of(shipped.sections)}
    for start in ("integrity", "generation", "layers", "behaviour", "answers-dimension",
                  "calibration", "signature-peaks", "signature-similarity"):  # fmt: skip
        assert any(name.startswith(start) for name in made), start


@pytest.mark.slow
def test_a_figure_of_many_panels_is_saved_with_the_same_bytes_each_time(
    shipped: Results, tmp_path: Path, every_format: None
) -> None:
    figure = next(f for f in outputs.figures_of(shipped.sections) if "panels" in f.filename)
    first, second = (
        [path.read_bytes() for path in figures.save(figure, tmp_path / name)] for name in "ab"
    )
    assert first == second
    assert len(first) == len(figures.FORMATS) == 3


@pytest.mark.slow
def test_tables_are_written_with_the_same_bytes_each_time(shipped: Results, tmp_path: Path) -> None:
    tables = [section.tables[0] for section in shipped.sections if section.tables][::2]
    assert len(tables) > 3
    first, second = (
        [
            path.read_bytes()
            for path in outputs.write_tables(
                tables, shipped.ledger, tmp_path / name, outputs.TABLE_FORMATS
            )
        ]
        for name in "ab"
    )
    assert first == second
    assert len(first) == len(tables) * 6
