"""Rendering with what comes as Python packages: pandoc, one Lua filter, Typst.

No LaTeX, no browser, no network. The outputs depend on the sources alone: pandoc's user
folder and the machine's fonts are shut out, and the date is given.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from report.errors import MissingToolError, RenderError

_COMMON = (
    "report.qmd",
    "--from=markdown",
    "--standalone",
    "--data-dir=theme",
    "--fail-if-warnings",
    "--lua-filter=theme/images.lua",
    "--lua-filter=theme/quarto.lua",
    "--citeproc",
    "--metadata=link-citations:true",
)
_CONTENTS = ("--toc", "--toc-depth=2", "--number-sections")

# Output file and pandoc's arguments by format; a PDF is made from report.typ.
_FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "html": (
        "report.html",
        (
            "--to=html5",
            "--template=theme/report.html",
            "--css=theme/report.css",
            "--embed-resources",
            "--mathml",
            "--section-divs",
            *_CONTENTS,
        ),
    ),
    "typst": (
        "report.typ",
        ("--to=typst", "--template=theme/report.typst", "--variable=papersize:a4", *_CONTENTS),
    ),
    "docx": ("report.docx", ("--to=docx", *_CONTENTS)),
    "latex": ("report.tex", ("--to=latex", *_CONTENTS)),
    "md": ("report.md", ("--to=gfm", "--wrap=none")),
}


def render(
    build: Path, formats: Sequence[str], date: dt.date, progress: Callable[[str], None]
) -> dict[str, Path]:
    """Render with pandoc and Typst.

    Parameters
    ----------
    build, formats, date, progress
        As in `report.render.render`.

    Returns
    -------
    dict
        File by format.

    Raises
    ------
    MissingToolError
        If pandoc or Typst can't be found.
    RenderError
        If the document refers to something that is not there, or a tool fails.
    """
    tools = versions()
    outputs: dict[str, Path] = {}
    for name in dict.fromkeys("typst" if name == "pdf" else name for name in formats):
        file, arguments = _FORMATS[name]
        progress(f"{file} (pandoc {tools['pandoc']})")
        _run_pandoc(build, [*arguments, f"--output={file}"], date)
        outputs[name] = build / file
    if "pdf" in formats:
        progress(f"report.pdf (Typst {tools['typst']})")
        outputs["pdf"] = _compile(build / "report.typ")
    return {name: outputs[name] for name in formats}


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


def _run_pandoc(build: Path, arguments: Sequence[str], date: dt.date) -> None:
    import pypandoc

    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))}
    command = [pypandoc.get_pandoc_path(), *_COMMON, *arguments]
    done = subprocess.run(command, cwd=build, env=environment, capture_output=True, check=False)
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").partition("stack traceback:")[0]
        lines = [line for line in message.splitlines() if line.strip()]
        if lines and lines[0].startswith("Error running filter"):
            del lines[0]
        raise RenderError("report.qmd can't be rendered:\n" + "\n".join(lines))


def _compile(source: Path) -> Path:
    import typst

    output = source.with_suffix(".pdf")
    try:
        typst.compile(
            source,
            output=output,
            root=source.parent,
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
        )
    except typst.TypstError as error:
        raise RenderError(f"Typst refuses {source.name}:\n{error.diagnostic.rstrip()}") from error
    return output
