"""Quarto's command line, against a small program that records how it was called."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import stat
import sys
from pathlib import Path

import pypdf
import pytest

from report.document.render import install_theme, planned, quarto, render
from report.study.errors import MissingToolError, RenderError

SAMPLE = Path(__file__).parent / "sample"
DATE = dt.date(2026, 2, 3)

RECORDER = """#!{python}
import json, os, pathlib, sys
arguments = sys.argv[1:]
if arguments == ["--version"]:
    print("{version}")
    sys.exit({version_exit})
with open("calls.jsonl", "a") as log:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    log.write(json.dumps({{"argv": arguments, "epoch": epoch}}) + "\\n")
pathlib.Path(".quarto/idx").mkdir(parents=True, exist_ok=True)
pathlib.Path(".quarto/idx/cache.json").write_text("cache")
print("pandoc says something", file=sys.stderr)
print({warns!r}, file=sys.stderr)
if {exit_code}:
    print("ERROR: YAMLError: bad indentation", file=sys.stderr)
    sys.exit({exit_code})
names = {{"html": "html", "typst": "pdf typ", "docx": "docx", "latex": "tex", "gfm": "md"}}
for name in names[arguments[-1]].split() if {writes} else []:
    pathlib.Path("report." + name).write_text("made")
"""


def quiet(_: str) -> None:
    pass


@pytest.fixture
def build(tmp_path):
    """The sample with a tenth of its long table: it is pandoc that reads it, before Quarto."""
    folder = tmp_path / "build"
    shutil.copytree(SAMPLE, folder)
    text = (folder / "report.qmd").read_text("utf-8")
    lines = [x for x in text.splitlines() if not re.search(r"^\| \[exp4\..*layer-\d\d[1-9]\]", x)]
    (folder / "report.qmd").write_text("\n".join(lines) + "\n", "utf-8")
    install_theme(folder)
    return folder


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put a recording ``quarto`` on an otherwise empty PATH."""
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def install(
        version="1.9.38", version_exit=0, exit_code=0, writes=True, warns="", name="quarto"
    ):
        program = programs / name
        program.write_text(
            RECORDER.format(
                python=sys.executable, version=version, version_exit=version_exit,
                exit_code=exit_code, writes=writes, warns=warns,
            )
        )  # fmt: skip
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    return install


def calls(build: Path) -> list[dict[str, object]]:
    log = build / "calls.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_each_format_is_asked_for_once_and_nothing_is_silenced(build, pretend):
    pretend()
    said: list[str] = []
    done = render(build, ["html", "pdf", "typst", "docx", "latex", "md"], "auto", DATE, said.append)
    targets = ["html", "typst", "docx", "latex", "gfm"]
    assert [c["argv"] for c in calls(build)] == [
        ["render", "report.qmd", "--to", t] for t in targets
    ]
    assert {c["epoch"] for c in calls(build)} == {"1770076800"}
    assert done.renderer == "quarto"
    assert done.versions == {"quarto": "1.9.38"}
    assert {k: p.name for k, p in done.outputs.items()} == {
        "html": "report.html", "pdf": "report.pdf", "typst": "report.typ",
        "docx": "report.docx", "latex": "report.tex", "md": "report.md",
    }  # fmt: skip
    assert said[0] == "cross references and citations"
    assert said[1] == "html (Quarto 1.9.38)"


def test_quarto_path_comes_before_path(build, pretend, monkeypatch):
    pretend(version="1.5.0")
    monkeypatch.setenv("QUARTO_PATH", str(pretend(version="1.9.1", name="my-quarto")))
    assert render(build, ["html"], "quarto", DATE, quiet).versions == {"quarto": "1.9.1"}


@pytest.mark.parametrize("setting", [None, "/nowhere/quarto"])
def test_without_quarto_auto_is_embedded(build, pretend, monkeypatch, setting):
    if setting:
        monkeypatch.setenv("QUARTO_PATH", setting)
    assert render(build, ["md"], "auto", DATE, quiet).renderer == "embedded"


def test_asking_for_an_absent_quarto_says_how_to_get_it(build, pretend):
    with pytest.raises(MissingToolError, match="pip install quarto-cli") as caught:
        render(build, ["html"], "quarto", DATE, quiet)
    assert caught.value.exit_code == 3


def test_a_wrong_quarto_path_is_named(build, pretend, monkeypatch):
    monkeypatch.setenv("QUARTO_PATH", "/nowhere/quarto")
    with pytest.raises(MissingToolError, match="QUARTO_PATH names /nowhere/quarto"):
        render(build, ["html"], "quarto", DATE, quiet)


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.3.450", False), ("1.4.549", True), ("1.10.2", True), ("99.9.9", True), ("?", False)],
)
def test_an_old_quarto_is_not_used(pretend, version, fits):
    pretend(version=version)
    assert isinstance(quarto.find(required=False), quarto.Quarto) == fits
    if not fits:
        with pytest.raises(MissingToolError, match=r"1\.4 or newer is needed"):
            quarto.find(required=True)


def test_an_elderly_quarto_that_fails_at_the_pdf_is_said_to_be_elderly(build, pretend):
    pretend(version="1.5.57", exit_code=1)
    with pytest.raises(RenderError, match=r"1\.5\.57 may be too old .*--renderer embedded"):
        render(build, ["pdf"], "auto", DATE, quiet)


def test_a_broken_quarto_counts_as_none(pretend):
    pretend(version_exit=1)
    assert isinstance(quarto.find(required=False), quarto.Absent)
    with pytest.raises(MissingToolError, match="of unknown version"):
        quarto.find(required=True)


def test_what_quarto_says_is_shown_when_it_fails(build, pretend):
    pretend(exit_code=1)
    with pytest.raises(RenderError, match="bad indentation") as caught:
        render(build, ["html"], "auto", DATE, quiet)
    assert "--to html ended with exit code 1" in str(caught.value)


UNRESOLVED = (
    "\x1b[33mWARNING (/usr/share/quarto/filters/main.lua:19) Unable to resolve crossref @tbl-pairs"
    "\x1b[39m"
)


def test_an_unresolved_reference_fails_the_build_though_quarto_exits_with_nought(build, pretend):
    pretend(warns=UNRESOLVED)
    with pytest.raises(RenderError, match="left references unresolved") as caught:
        render(build, ["html"], "auto", DATE, quiet)
    assert "@tbl-pairs" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_other_warnings_are_shown_and_the_build_goes_on(build, pretend, capsys):
    pretend(warns="WARNING: The font family is unknown\n  in line 3\nOutput created: report.html")
    assert render(build, ["html"], "auto", DATE, quiet).renderer == "quarto"
    said = capsys.readouterr().err
    assert "quarto render --to html: WARNING: The font family is unknown   in line 3" in said
    assert "Output created" not in said


def test_the_cache_of_quarto_does_not_stay(build, pretend):
    pretend()
    render(build, ["html"], "auto", DATE, quiet)
    assert not (build / ".quarto").exists()


def test_a_quarto_that_hangs_is_ended_with_all_that_it_started(build, pretend, monkeypatch):
    program = pretend()
    program.write_text("#!/bin/sh\nPATH=/usr/bin:/bin\nsleep 600 &\nsleep 600\n")
    monkeypatch.setattr(quarto, "LONGEST_VERSION", 0.3)
    assert isinstance(quarto.find(required=False), quarto.Absent)
    with pytest.raises(MissingToolError, match=r"--version had not ended after 0\.3 seconds"):
        quarto.find(required=True)


def test_a_quarto_that_hangs_is_asked_once_and_passed_over_with_a_word(
    build, pretend, monkeypatch, tmp_path
):
    program, asked = pretend(), tmp_path / "asked"
    program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\necho once >> {asked}\nsleep 600\n")
    monkeypatch.setattr(quarto, "LONGEST_VERSION", 0.3)
    assert planned("auto")[0] == "embedded"
    rendered = render(build, ["md"], "auto", DATE, quiet)
    assert rendered.renderer == "embedded"
    assert "--version had not ended after 0.3 seconds" in rendered.remark
    assert asked.read_text() == "once\n"


def test_a_quarto_that_is_not_there_is_no_news(build, pretend, monkeypatch):
    assert quarto.find(required=False) == quarto.Absent("Quarto is not installed")
    monkeypatch.setenv("QUARTO_PATH", "/nowhere/quarto")
    found = quarto.find(required=False)
    assert isinstance(found, quarto.Absent)
    assert found.remark.startswith("Quarto is not used: QUARTO_PATH names /nowhere/quarto")
    assert render(build, ["md"], "embedded", DATE, quiet).remark == ""


def test_a_render_that_hangs_ends_with_a_message(build, pretend, monkeypatch):
    program = pretend()
    tool = quarto.Quarto(str(program), "1.9.38")
    program.write_text("#!/bin/sh\nPATH=/usr/bin:/bin\nsleep 600\n")
    monkeypatch.setattr(quarto, "LONGEST", 0.3)
    with pytest.raises(RenderError, match=r"render had not ended after 0\.3 seconds"):
        quarto.render(tool, build, ["html"], DATE, quiet)


def test_a_quarto_that_writes_nothing_has_failed(build, pretend):
    pretend(writes=False)
    with pytest.raises(RenderError, match=r"wrote no report\.html"):
        render(build, ["html"], "auto", DATE, quiet)


def test_what_is_missing_is_found_before_quarto_starts(build, pretend):
    pretend()
    source = build / "report.qmd"
    source.write_text(source.read_text(encoding="utf-8") + "\nSee @fig-none.\n", encoding="utf-8")
    with pytest.raises(RenderError, match="@fig-none"):
        render(build, ["html"], "auto", DATE, quiet)
    assert calls(build) == []


def test_the_project_names_only_files_that_it_holds(build):
    settings = (build / "_quarto.yml").read_text(encoding="utf-8")
    named = re.findall(r"theme/[\w.-]+", settings)
    assert len(named) >= 5
    assert all((build / name).is_file() for name in named)
    assert "engine: markdown" in settings
    assert "enabled: false" in settings
    assert "html-math-method: mathml" in settings
    assert "pdf-standard: ua-1" in settings


def test_installing_the_theme_again_replaces_it(build):
    (build / "theme" / "stale.css").write_text("")
    install_theme(build)
    assert not (build / "theme" / "stale.css").exists()
    assert not (build / "theme" / "_quarto.yml").exists()


@pytest.mark.quarto
@pytest.mark.skipif(shutil.which("quarto") is None, reason="Quarto is not installed")
def test_the_real_quarto_says_what_the_embedded_renderer_says(build):
    done = render(build, ["html", "pdf", "docx"], "quarto", DATE, quiet)
    html = done.outputs["html"].read_text(encoding="utf-8")
    assert not re.search(r"<(link|script|img)[^>]+(src|href)=\"https?:", html)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))
    pages = pypdf.PdfReader(done.outputs["pdf"]).pages
    pdf_text = re.sub(r"\s+", " ", " ".join(p.extract_text() for p in pages))
    for sentence in (
        "matter most, with Figure 1, Table 1 and Equation 1.",
        "Figure 2 follows Table 2; see also Section 2.1.",
        "Table 4: Every test of the study, one row each.",
    ):
        assert sentence in text
        assert sentence in pdf_text
