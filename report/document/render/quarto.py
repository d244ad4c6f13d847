"""Rendering with Quarto's command line, where it is installed."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from report.document import processes
from report.study.errors import MissingToolError, RenderError
from report.study.texts import visible

LONGEST = 1800.0  # seconds that Quarto may take for one format; nine minutes were seen
LONGEST_VERSION = 30.0  # and to say which version it is

OLDEST = (1, 4)
OLDEST_FOR_PDF = (1, 7)  # the first whose Typst knows all that the template uses

_UNRESOLVED = re.compile(r"unable to resolve (?:cross)?[- ]?ref", re.IGNORECASE)

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
        try:
            version = _version(path)
        except RenderError as error:
            problem = str(error)
        else:
            if _numbers(version) >= OLDEST:
                return Quarto(path, version)
            oldest = ".".join(map(str, OLDEST))
            which = version or "of unknown version"
            problem = f"{path} is Quarto {which}; {oldest} or newer is needed"
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
        As in `report.document.render.render`.

    Returns
    -------
    dict
        File by format.

    Raises
    ------
    RenderError
        With what Quarto wrote, if it fails, leaves a reference unresolved, does not end in time
        or does not write the file.
    """
    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    environment = {"SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))}
    said: dict[str, str] = {}
    for name in formats:
        target, _ = _FORMATS[name]
        if target in said:
            continue
        progress(f"{target} (Quarto {tool.version})")
        # Not --quiet: it hides the errors, too.
        done = processes.run(
            [tool.path, "render", "report.qmd", "--to", target],
            seconds=LONGEST,
            folder=build,
            environment=environment,
        )
        said[target] = done.errors.strip()
        if done.code:
            problem = f"quarto render --to {target} ended with exit code {done.code}:"
            hint = ""
            if target == "typst" and _numbers(tool.version) < OLDEST_FOR_PDF:
                hint = (
                    f"\nQuarto {tool.version} may be too old for the PDF's template: take 1.7 or "
                    "newer, or `--renderer embedded`."
                )
            raise RenderError(f"{problem}\n{said[target]}{hint}")
        _heed(said[target], target)
    outputs = {name: build / _FORMATS[name][1] for name in formats}
    for name, path in outputs.items():
        if not path.is_file():
            raise RenderError(f"Quarto wrote no {path.name}:\n{said[_FORMATS[name][0]]}")
    shutil.rmtree(build / ".quarto", ignore_errors=True)  # Quarto's cache is no part of the build
    return outputs


def _warnings(said: str) -> list[str]:
    """Return Quarto's warnings, each with the lines that belong to it, without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    found = re.findall(r"^(?:WARNING|\[WARNING\]|WARN:?).*(?:\n[ \t]+\S.*)*", plain, re.MULTILINE)
    return list(dict.fromkeys(line.strip() for line in found))


def _heed(said: str, target: str) -> None:
    """Refuse a document with unresolved references, and show what else Quarto warns of."""
    warnings = _warnings(said)
    if broken := [line for line in warnings if _UNRESOLVED.search(line)]:
        raise RenderError(
            f"quarto render --to {target} left references unresolved:\n" + "\n".join(broken)
        )
    for line in warnings:
        print(f"quarto render --to {target}: {visible(line)}", file=sys.stderr)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _version(path: str) -> str:
    try:
        done = processes.run([path, "--version"], seconds=LONGEST_VERSION)
    except OSError:
        return ""
    return done.output.decode("utf-8", "replace").strip() if done.code == 0 else ""
