"""Rendering with what comes as Python packages: pandoc, one Lua filter, Typst.

No LaTeX, no browser, no network. The outputs depend on the sources alone: pandoc's user
folder and the machine's fonts are shut out, and the date is given.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from report.document import processes
from report.study.errors import MissingToolError, RenderError, UndisplayableError

LONGEST = 600.0  # seconds that pandoc or Typst may take for one format
_TYPST = Path(__file__).with_name("typst_process.py")

_UNDISPLAYABLE = re.compile(r'the text `"(.*?)"` could not be displayed')

_COMMON = (
    "report.qmd",
    "--from=markdown",
    "--standalone",
    "--data-dir=theme",
    "--fail-if-warnings",
    "--lua-filter=theme/images.lua",
    "--lua-filter=theme/shared.lua",
    "--lua-filter=theme/quarto.lua",
    "--citeproc",
    "--metadata=link-citations:true",
)
_CONTENTS = ("--toc", "--toc-depth=2", "--number-sections")

_OUTPUTS = {
    "html": "report.html",
    "pdf": "report.pdf",
    "docx": "report.docx",
    "latex": "report.tex",
    "typst": "report.typ",
    "md": "report.md",
}

# pandoc's arguments by format; a PDF is made from report.typ.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "html": (
        "--to=html5",
        "--template=theme/report.html",
        "--css=theme/report.css",
        "--embed-resources",
        "--mathml",
        "--section-divs",
        *_CONTENTS,
    ),
    "typst": (
        "--to=typst",
        "--template=theme/report.typst",
        "--variable=papersize:a4",
        "--number-sections",
    ),
    "docx": (
        "--to=docx",
        "--lua-filter=theme/word.lua",
        "--reference-doc=theme/reference.docx",
        *_CONTENTS,
    ),
    "latex": (
        "--to=latex",
        "--include-in-header=theme/preamble.tex",
        "--variable=papersize:a4",
        "--variable=geometry:margin=2cm",
        "--number-sections",
    ),
    "md": ("--to=gfm", "--wrap=none"),
}


def render(
    build: Path, formats: Sequence[str], date: dt.date, progress: Callable[[str], None]
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Render with pandoc and Typst.

    Parameters
    ----------
    build, formats, date, progress
        As in `report.document.render.render`.

    Returns
    -------
    tuple
        File by format, and the texts that kept the PDF from being made.

    Raises
    ------
    MissingToolError
        If pandoc or Typst can't be found.
    RenderError
        If the document refers to something that is not there, or a tool fails.
    """
    tools = versions()
    outputs = {name: build / _OUTPUTS[name] for name in formats}
    # Each pandoc is a process of its own, and a PDF brings its source with it.
    tasks = [name for name in outputs if name != "typst" or "pdf" not in outputs]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in tasks:
            typst = f", Typst {tools['typst']}" if name == "pdf" else ""
            progress(f"{_OUTPUTS[name]} (pandoc {tools['pandoc']}{typst})")
        made = {name: pool.submit(_make, name, build, date) for name in tasks}
    undisplayable: tuple[str, ...] = ()
    for name, future in made.items():
        try:
            future.result()
        except UndisplayableError as error:
            if name != "pdf":
                raise
            undisplayable = error.texts
            del outputs[name]
    return outputs, undisplayable


def check(build: Path) -> None:
    """Find what ``report.qmd`` refers to and does not have, without writing anything.

    Raises
    ------
    RenderError
        Naming each missing label, citation and variable.
    """
    for target in ("html5", "typst"):
        _run_pandoc(build, [f"--to={target}", "--mathml"], dt.date(1970, 1, 1))


def versions() -> dict[str, str]:
    """Return the versions of pandoc and Typst.

    Raises
    ------
    MissingToolError
        If one of them can't be found.
    """
    try:
        import pypandoc

        return {
            "pandoc": str(pypandoc.get_pandoc_version()),
            "typst": importlib.metadata.version("typst"),
        }
    except (ImportError, OSError) as error:
        raise MissingToolError(
            f"pandoc or Typst can't be found: {error}. "
            "Install them with `pip install pypandoc_binary typst`."
        ) from error


def _make(name: str, build: Path, date: dt.date) -> None:
    target = "typst" if name == "pdf" else name
    created = f"datetime(year: {date.year}, month: {date.month}, day: {date.day}"
    stamp = f"--variable=created:{created}, hour: 0, minute: 0, second: 0)"
    _run_pandoc(build, [*_ARGUMENTS[target], stamp, f"--output={_OUTPUTS[target]}"], date)
    if name == "pdf":
        compile_pdf(build / _OUTPUTS["typst"], build / _OUTPUTS["pdf"])


def _run_pandoc(build: Path, arguments: Sequence[str], date: dt.date) -> None:
    import pypandoc

    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    done = processes.run(
        [pypandoc.get_pandoc_path(), *_COMMON, *arguments],
        seconds=LONGEST,
        folder=build,
        environment={"SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))},
    )
    if done.code:
        message = done.errors.partition("stack traceback:")[0]
        lines = [line for line in message.splitlines() if line.strip()]
        if lines and lines[0].startswith("Error running filter"):
            del lines[0]
        raise RenderError("report.qmd can't be rendered:\n" + "\n".join(lines))


def compile_pdf(source: Path, output: Path) -> None:
    """Let Typst make a PDF, in a process of its own: it takes a gigabyte for 60 pages.

    Parameters
    ----------
    source, output : Path
        The source may read files of its own folder only.

    Raises
    ------
    UndisplayableError
        If the fonts lack a character.
    RenderError
        If Typst refuses the source for another reason.
    """
    done = processes.run(
        [sys.executable, "-P", _TYPST, source.resolve(), output.resolve()],
        seconds=LONGEST,
    )
    if not done.code:
        return
    if texts := _UNDISPLAYABLE.findall(done.errors):
        raise UndisplayableError(source.name, texts)
    raise RenderError(f"Typst refuses {source.name}:\n{done.errors.rstrip()}")
