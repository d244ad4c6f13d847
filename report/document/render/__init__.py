"""From ``report.qmd`` to the formats that people read: Quarto where it is, else embedded."""

from __future__ import annotations

import datetime as dt
import gzip
import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from report.document.render import embedded, quarto, word
from report.study.errors import MissingToolError, RenderError
from report.study.paths import TEMPLATES

Renderer = Literal["auto", "quarto", "embedded"]

FORMATS = ("html", "pdf", "docx", "latex", "typst", "md")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was rendered, and by what.

    Parameters
    ----------
    renderer : str
        ``"quarto"`` or ``"embedded"``.
    versions : mapping
        Version by tool.
    outputs : mapping
        File by format, in the order asked for.
    undisplayable : tuple of str
        Texts that the PDF's fonts lack; because of them there is no PDF.
    remark : str
        Why Quarto was passed over, where there was something to ask.
    """

    renderer: str
    versions: Mapping[str, str]
    outputs: Mapping[str, Path]
    undisplayable: tuple[str, ...] = ()
    remark: str = ""


def install_theme(build: Path) -> None:
    """Copy into ``build`` what a Quarto project needs beside ``report.qmd``.

    That is ``_quarto.yml`` and the folder ``theme/``, which both renderers read; DataTables
    comes into it from the package itables, and Word's styles from pandoc.

    Parameters
    ----------
    build : Path
        An existing folder; older copies in it are replaced.

    Raises
    ------
    MissingToolError
        If itables or pandoc is not installed.
    """
    embedded.versions()
    source, theme = TEMPLATES / "theme", build / "theme"
    if theme.exists():
        shutil.rmtree(theme)
    shutil.copytree(source, theme, ignore=shutil.ignore_patterns("_quarto.yml"))
    shutil.copyfile(source / "_quarto.yml", build / "_quarto.yml")
    # Git would change line ends in a checkout on Windows, and with them every hash.
    (build / ".gitattributes").write_text("* -text\n", encoding="utf-8")
    # Not imported: that would load pandas.
    package = importlib.util.find_spec("itables")
    if package is None or package.origin is None:
        raise MissingToolError("itables can't be found. Install it with `pip install itables`.")
    assets = Path(package.origin).parent / "html"
    shutil.copyfile(assets / "dt_bundle.css", theme / "dt_bundle.css")
    # A quarter of the size in the page, which unpacks it when there is time.
    packed = gzip.compress((assets / "dt_bundle.js").read_bytes(), mtime=0)
    (theme / "dt_bundle.bin").write_bytes(packed)
    word.write_reference(theme / "reference.docx")


def planned(renderer: Renderer) -> tuple[str, Mapping[str, str]]:
    """Say which renderer `render` will use, with its versions, for the colophon.

    Raises
    ------
    MissingToolError
        As `render`.
    """
    tool = _tool(renderer)
    if isinstance(tool, quarto.Quarto):
        return "quarto", {"quarto": tool.version}
    return "embedded", embedded.versions()


def _tool(renderer: Renderer) -> quarto.Quarto | quarto.Absent:
    if renderer == "embedded":
        return quarto.Absent("it was not asked for")
    return quarto.find(required=renderer == "quarto")


def render(
    build: Path,
    formats: Sequence[str],
    renderer: Renderer,
    date: dt.date,
    progress: Callable[[str], None],
) -> Rendered:
    """Render ``build/report.qmd``; the outputs stand beside it.

    Parameters
    ----------
    build : Path
        Folder with ``report.qmd``, ``references.bib``, ``figures/`` and the theme.
    formats : sequence of str
        Of `FORMATS`. ``pdf`` leaves its source ``report.typ`` beside it.
    renderer : {"auto", "quarto", "embedded"}
        ``"auto"`` is Quarto if a fitting one is found, else embedded.
    date : datetime.date
        The document's date: time stamps inside the outputs are set to it.
    progress : callable
        Called with a few words before each step.

    Returns
    -------
    Rendered

    Raises
    ------
    ValueError
        If a format is unknown.
    MissingToolError
        If Quarto is asked for and is absent or too old, or the embedded tools are broken.
    RenderError
        If a cross reference, a citation, a variable or a picture is missing, or a tool fails.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ValueError(f"unknown formats {unknown}; there are {', '.join(FORMATS)}")
    for needed in ("report.qmd", "_quarto.yml", "theme"):
        if not (build / needed).exists():
            raise RenderError(f"{build} holds no {needed}. Build the report again.")

    tool = _tool(renderer)
    if isinstance(tool, quarto.Absent):
        outputs, undisplayable = embedded.render(build, formats, date, progress)
        tools = embedded.versions()
        return Rendered("embedded", tools, outputs, undisplayable, tool.remark)
    progress("cross references and citations")
    embedded.check(build)
    outputs = quarto.render(tool, build, formats, date, progress)
    return Rendered("quarto", {"quarto": tool.version}, outputs)
