"""Rendering with Quarto's command line, where it is installed."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from report.document import processes
from report.study.errors import MissingToolError, RenderError
from report.study.texts import visible

LONGEST = 1800.0  # seconds that Quarto may take for one format; nine minutes were seen
LONGEST_VERSION = 20.0  # and to say which version it is; asked once

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


@dataclass(frozen=True, slots=True)
class Absent:
    """Why Quarto is not used.

    Parameters
    ----------
    problem : str
    remark : str
        What a user should know who left the choice to us; ``""`` where Quarto is just not there.
    """

    problem: str
    remark: str = ""


def find(required: bool) -> Quarto | Absent:
    """Look for Quarto at ``QUARTO_PATH``, then on ``PATH``.

    Parameters
    ----------
    required : bool
        Whether its absence is an error.

    Returns
    -------
    Quarto or Absent
        Absent if there is none of version 1.4 or newer and none is required.

    Raises
    ------
    MissingToolError
        If one is required, saying what was found and how to get one.
    """
    found = _look()
    if required and isinstance(found, Absent):
        raise MissingToolError(f"{found.problem}. {_REMEDY}")
    return found


def _look() -> Quarto | Absent:
    named = os.environ.get("QUARTO_PATH")
    path = shutil.which(named or "quarto")
    if path is None and not named:
        return Absent("Quarto is not installed")
    if path is None:
        problem = f"QUARTO_PATH names {named}, which is not a program"
    else:
        version, problem = _asked(path, Path(path).stat().st_mtime_ns)
        if not problem and _numbers(version) >= OLDEST:
            return Quarto(path, version)
        oldest = ".".join(map(str, OLDEST))
        which = version or "of unknown version"
        problem = problem or f"{path} is Quarto {which}; {oldest} or newer is needed"
    return Absent(problem, f"Quarto is not used: {problem}. The embedded renderer took its place")


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


@lru_cache(maxsize=8)
def _asked(path: str, changed: int) -> tuple[str, str]:
    """Ask a program once for its version; return it, or what kept it from answering."""
    try:
        done = processes.run([path, "--version"], seconds=LONGEST_VERSION)
    except RenderError as error:
        return "", str(error).removesuffix(".")
    except OSError:
        return "", ""
    return (done.output.decode("utf-8", "replace").strip() if done.code == 0 else ""), ""
