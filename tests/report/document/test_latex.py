"""What is written for LaTeX goes through LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from report.document import figures
from report.pipeline import Options, build

PDFLATEX = shutil.which("pdflatex")
NEEDED = ("booktabs", "threeparttable", "lmodern", "newunicodechar", "geometry", "longtable")


def lacking() -> str:
    """Say what stands in the way of typesetting here: no LaTeX, or some packages without it."""
    finder = shutil.which("kpsewhich")
    if PDFLATEX is None or finder is None:
        return "there is no pdflatex on this machine"
    command = [finder, *(f"{name}.sty" for name in NEEDED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = {Path(line).stem for line in done.stdout.splitlines()}
    missing = [name for name in NEEDED if name not in found]
    return f"LaTeX lacks {', '.join(missing)} on this machine" if missing else ""


LACKING = lacking()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.latex,
    pytest.mark.skipif(bool(LACKING), reason=LACKING),
]

MANUSCRIPT = r"""
\documentclass{article}
\usepackage{booktabs,threeparttable}
\input{values.tex}
\begin{document}
We found \statvalue{%s}.
%s
\end{document}
"""


def typeset(path: Path) -> tuple[list[str], list[float]]:
    """Return LaTeX's errors, and by how many points lines stick out of the page."""
    assert PDFLATEX is not None
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, check=False, timeout=300)
    said = done.stdout.decode("utf-8", errors="replace")
    too_wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", said)
    return re.findall(r"^! .*$", said, re.MULTILINE), [float(points) for points in too_wide]


def manuscript(build: Path, name: str) -> Path:
    tables = sorted((build / "tables").glob("*.tex"))
    assert len(tables) > 20
    inputs = "\n".join(rf"\input{{tables/{path.name}}}\clearpage" for path in tables)
    path = build / "manuscript.tex"
    path.write_text(MANUSCRIPT % (name, inputs), encoding="utf-8")
    return path


def test_a_manuscript_can_use_the_tables_and_numbers(tampered):
    path = manuscript(tampered, "dimension.rho.seven-models.published.apa")
    assert typeset(path)[0] == []


def test_a_number_that_is_not_there_stops_the_manuscript(tampered):
    errors, _ = typeset(manuscript(tampered, "dimension.rho.nobody.apa"))
    assert errors[:1] == [
        "! LaTeX Error: The ledger holds no number called dimension.rho.nobody.apa."
    ]


def test_the_document_can_be_typeset_and_nothing_leaves_the_page(synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FORMATS", ("pdf",))
    options = Options(("latex",), "embedded", quick=True)
    built = build([synthetic], tmp_path, options, lambda _: None)
    errors, too_wide = typeset(built.rendered.outputs["latex"])
    assert errors == []
    assert max(too_wide, default=0.0) < 60.0  # the margin: 2 cm


def test_what_latex_lacks_is_the_reason_for_skipping(tmp_path, monkeypatch):
    finder = tmp_path / "kpsewhich"
    finder.write_text("#!/bin/sh\necho /tex/booktabs.sty\necho /tex/threeparttable.sty\nexit 1\n")
    finder.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(finder))
    assert lacking() == ("LaTeX lacks lmodern, newunicodechar, geometry, longtable on this machine")
