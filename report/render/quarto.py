"""Rendering with Quarto's command line, where it is installed."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from report.errors import MissingToolError, RenderError

OLDEST = (1, 4)
OLDEST_FOR_PDF = (1, 7)  # the first whose Typst knows all that the template uses

_REMEDY = (
    "Install it with `pip install quarto-cli` or an installer from quarto.org, put it on PATH "
    "or name it in QUARTO_PATH, or use `--renderer embedded`."
)

# Quarto's name of each format and the file it writes; its typst format makes the PDF.
_FORMATS = {
    "html": ("html", "report.html"),
    "pdf": ("typst", "report.pdf"),
    "typst": ("typst", "report.typ"),
    "docx": ("docx", "report.docx"),
    "latex": ("latex", "report.tex"),
    "md": ("gfm", "report.md"),
}


@dataclass(frozen=True, slots=True)
class Quarto:
    """A Quarto command line that is new enough."""

    path: str
    version: str


def find(required: bool) -> Quarto | None:
    """Look for Quarto at ``QUARTO_PATH``, then on ``PATH``.

    Parameters
    ----------
    required : bool
        Whether its absence is an error.

    Returns
    -------
    Quarto or None
        None if there is none of version 1.4 or newer and none is required.

    Raises
    ------
    MissingToolError
        If one is required, saying what was found and how to get one.
    """
    named = os.environ.get("QUARTO_PATH")
    path = shutil.which(named or "quarto")
    if path is None:
        problem = f"QUARTO_PATH names {named}, which is not a program" if named else (
            "Quarto is not installed"
        )  # fmt: skip
    else:
        version = _version(path)
        if _numbers(version) >= OLDEST:
            return Quarto(path, version)
        oldest = ".".join(map(str, OLDEST))
        problem = f"{path} is Quarto {version or 'of unknown version'}; {oldest} or newer is needed"
    if required:
        raise MissingToolError(f"{problem}. {_REMEDY}")
    return None


def render(
    tool: Quarto,
    build: Path,
    formats: Sequence[str],
    date: dt.date,
    progress: Callable[[str], None],
) -> dict[str, Path]:
    """Render with Quarto.

    Parameters
    ----------
    tool : Quarto
    build, formats, date, progress
        As in `report.render.render`.

    Returns
    -------
    dict
        File by format.

    Raises
    ------
    RenderError
        With what Quarto wrote, if it fails or does not write the file.
    """
    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))}
    said: dict[str, str] = {}
    for name in formats:
        target, _ = _FORMATS[name]
        if target in said:
            continue
        progress(f"{target} (Quarto {tool.version})")
        # Not --quiet: it hides the errors, too.
        done = subprocess.run(
            [tool.path, "render", "report.qmd", "--to", target],
            cwd=build, env=environment, capture_output=True, check=False,
        )  # fmt: skip
        said[target] = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode:
            problem = f"quarto render --to {target} ended with exit code {done.returncode}:"
            hint = ""
            if target == "typst" and _numbers(tool.version) < OLDEST_FOR_PDF:
                hint = (
                    f"\nQuarto {tool.version} may be too old for the PDF's template: take 1.7 or "
                    "newer, or `--renderer embedded`."
                )
            raise RenderError(f"{problem}\n{said[target]}{hint}")
    outputs = {name: build / _FORMATS[name][1] for name in formats}
    for name, path in outputs.items():
        if not path.is_file():
            raise RenderError(f"Quarto wrote no {path.name}:\n{said[_FORMATS[name][0]]}")
    return outputs


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
