"""One ledger entry in full, with lines of plain numpy and scipy that give its numbers again."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from report.audit.finished import Finished, load_finished
from report.audit.recompute import COMPARED, Recipe, reading, recipe, run, source_of, steps
from report.audit.schema import AGAIN
from report.ledger import format as fmt
from report.ledger.ledger import Entry
from report.ledger.lineage import read
from report.study.errors import InputError, UsageError
from report.study.texts import visible

_IMPORTS = """\
from __future__ import annotations

import collections, csv, functools, hashlib, itertools, math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
from scipy import integrate, optimize, special, stats
"""
_SHOWN = 12  # data vectors are shown up to this many values in the terminal


def snippet(how: Recipe) -> str:
    """Write a program that recomputes an entry, to be run inside the build."""
    types = (
        "TIE = 1e-10  # correlations closer than this are equal\n"
        f"MOST_DRAWS = {reading.MOST_DRAWS}\n"
        "Floats = Integers = np.ndarray\nFound = dict[str, Any]\nStatistic = Callable[..., Any]\n"
        f"DATA, PAIR, STATISTIC = {steps.DATA!r}, {steps.PAIR!r}, {steps.STATISTIC!r}\n"
    )
    values = {f.name: getattr(how.case, f.name) for f in fields(how.case) if f.name != "root"}
    case = "".join(f"    {name}={value!r},\n" for name, value in values.items())
    calls = "".join(f"found |= {step.__name__}(case, found)\n" for step in how.steps)
    show = (
        "for name, value in found.items():\n    if not name.startswith('_'):\n"
        "        print(name, '=', value)\n"
    )
    return (
        f"{_IMPORTS}\n{types}\n\n{source_of(how)}\n\n\n"
        f"case = Case(\n{case})\nfound: Found = {{}}\n{calls}{show}"
    )


def find(build: Finished, wanted: str) -> Entry:
    """Return the entry of an id, or of the anchor that a link of the document shows.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ids.
    """
    by_anchor = {entry.anchor: entry for entry in build.ledger}
    name = wanted.removeprefix("#")
    if name in build.ledger:
        return build.ledger[name]
    if name in by_anchor:
        return by_anchor[name]
    near = get_close_matches(name, [entry.id for entry in build.ledger], n=5, cutoff=0.5)
    near = near or [entry.id for entry in build.ledger if name in entry.id][:5]
    hint = f"near it: {', '.join(near)}" if near else f"all stand in {build.folder / 'ledger.csv'}"
    raise UsageError(f"the ledger has no entry {wanted!r}; {hint}")


def explanation(build: Finished, entry: Entry) -> dict[str, Any]:
    """Gather all there is to say about an entry.

    Returns
    -------
    dict
        ``entry`` (its row), ``sentence``, ``family``, ``data`` (values by selector),
        ``intermediate`` (what the second path finds on its way), ``recomputed`` and
        ``snippet``; the last three are None where there is nothing to recompute.
    """
    how = recipe(entry, build) if entry.value is not None else None
    found = None if how is None else {k: _plain(v) for k, v in run(how).items()}
    family = build.ledger.families.get(entry.family)
    split = {True: dict[str, Any](), False: dict[str, Any]()}
    for name, value in (found or {}).items():
        split[name in COMPARED][name] = value
    return {
        "entry": entry.row(),
        "sentence": fmt.sentence(entry) if entry.reason is None else entry.reason.sentence,
        "family": None if family is None else {
            "id": family.id, "title": family.title, "m": family.m, "method": family.method,
            "alpha": family.alpha,
        },
        "data": {source: read(build.folder, source) for source in entry.sources},
        "intermediate": split[False] if found else None,
        "recomputed": split[True] if found else None,
        "note": "" if how is None else how.note,
        "snippet": None if how is None else snippet(how),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Turn arrays into lists, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def to_text(told: dict[str, Any]) -> str:
    """Write an explanation for a reader."""
    row = told["entry"]
    lines = [row["id"], f"  {row['label']}", f"  {told['sentence']}", "", "Entry"]
    lines += [f"  {k:<12} {_short(v)}" for k, v in row.items()
              if v not in (None, "", {}, []) and k not in ("id", "label", "sources")]  # fmt: skip
    if told["family"]:
        lines += ["", "Family"] + [f"  {k:<12} {v}" for k, v in told["family"].items()]
    lines += ["", "Data" if told["data"] else "No data: nothing was measured here."]
    for source, values in told["data"].items():
        lines += [f"  {source}", f"    {len(values)}: {_vector(values)}"]
    if told["recomputed"]:
        lines += ["", "Recomputed by a second path"]
        lines += [f"  {k:<12} {v!r}" for k, v in told["recomputed"].items()]
        lines += [f"  {told['note']}"] if told["note"] else []
    if told["intermediate"]:
        lines += ["", "On the way"]
        lines += [f"  {k}: {_short(v)}" for k, v in told["intermediate"].items()]
    return "\n".join(map(visible, lines))


def _vector(values: list[str]) -> str:
    shown = ", ".join(value or fmt.MISSING for value in values[:_SHOWN])
    return shown + (", …" if len(values) > _SHOWN else "")


def _short(value: Any) -> str:
    return _vector([str(v) for v in value]) if isinstance(value, list) else str(value)


def explain(folder: Path, wanted: str, *, as_json: bool) -> int:
    """Explain an entry in the terminal; return the exit code.

    Raises
    ------
    UsageError
        If there is no such entry.
    InputError
        If the build can't be read.
    """
    build = load_finished(folder)
    entry = find(build, wanted)
    try:
        told = explanation(build, entry)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        problem = f"can't be explained: {type(error).__name__}: {error}"
        raise InputError(folder / "ledger.json", entry.id, problem, AGAIN) from error
    if as_json:
        print(json.dumps(told, indent=1))
        return 0
    print(to_text(told))
    if told["snippet"]:
        print(f"\nRun this inside {folder}:\n")
        _print_code("\n".join(map(visible, told["snippet"].split("\n"))))
    return 0


def _print_code(code: str) -> None:
    if not sys.stdout.isatty():
        print(code)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(code, "python", background_color="default", word_wrap=True))
