"""One small finished build for the tests that read one, and study folders in the making."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data" / "smollm2"

Fields = dict[str, Any]


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A study folder with captures of three models."""
    from report.synthetic.simulate import simulate

    folder = tmp_path_factory.mktemp("studies") / "synthetic-1"
    simulate(folder, models=3, questions=12, layers=5, hidden=16, seed=1)
    return folder


@pytest.fixture(scope="session")
def finished(synthetic, tmp_path_factory) -> Path:
    """The build of the published study and a synthetic one; tests must not change it."""
    from report.pipeline import Options, build

    studies = [ROOT / "data" / "entropy-2026-02", synthetic]
    options = Options(renderer="embedded", quick=True)
    return build(studies, tmp_path_factory.mktemp("build"), options, lambda _: None).folder


@pytest.fixture
def tampered(finished, tmp_path) -> Path:
    """A copy of the finished build that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def _value(value: object) -> str:
    """Write a scalar; JSON's strings and numbers are TOML's too."""
    return (
        value.isoformat() if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)
    )


def _toml(fields: Fields) -> str:
    """Write what a ``study.toml`` holds: scalars, tables of scalars, arrays of such tables."""

    def scalars(table: Fields) -> list[str]:
        return [f"{k} = {_value(v)}" for k, v in table.items() if not isinstance(v, (dict, list))]

    lines = scalars(fields)
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *scalars(value)]
        elif isinstance(value, list):
            lines += [line for row in value for line in ("", f"[[{name}]]", *scalars(row))]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def shipped_fields() -> Callable[[], Fields]:
    """The fields of ``data/smollm2/study.toml``, to be changed at will."""
    fields = tomllib.loads((SHIPPED / "study.toml").read_text("utf-8"))
    return lambda: copy.deepcopy(fields)


@pytest.fixture(scope="session")
def write_study() -> Callable[[Path, Fields], Path]:
    """Write a ``study.toml`` and return its folder."""

    def write(folder: Path, fields: Fields) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "study.toml").write_text(_toml(fields), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def copy_captures() -> Callable[..., None]:
    """Copy the shipped captures of some models into a study folder."""

    def copied(folder: Path, *models: str) -> None:
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        for model in models:
            for path in sorted((SHIPPED / "raw").glob(f"{model}_*")):
                shutil.copy(path, folder / "raw")

    return copied


# --- reading what was written ---------------------------------------------------------------

_WORDS = r"\b(?:nan|NaN|None|inf|Undefined)\b(?! needed| of | survives| has | or N/A)"
_SLIPS = (
    r"\(\s*\)", r"\w\s[,;.]\s", r":\s*\.\s", r"\bno tests\b", r"\bof no \w+s\b",
    r"\b1 (?:models|conditions|questions|tests)\b", r"\bone (?:models|conditions|tests|pairs)\b",
)  # fmt: skip


def _prose(markdown: str) -> str:
    """Keep what a reader reads as text: no code, no attributes, no pictures."""
    text = re.sub(r"`[^`]*`", "code", markdown)
    return re.sub(r"!\[.*?\]\([^)]*\)\{[^}]*\}|\]\([^)]*\)(?:\{[^}]*\})?", "", text)


def _faults(document: str) -> list[str]:
    """Find empty sections, tables and boxes, words of the program, slips, dead references."""
    body = document.split("---\n", 2)[2].split("\n# References")[0]
    lines = [line for line in body.splitlines() if line.strip()]
    found: list[str] = []
    for line, following in zip(lines, [*lines[1:], "# end"], strict=True):
        one, other = (re.match("#+ ", text) for text in (line, following))
        if one and other and len(other[0]) <= len(one[0]):
            found.append(f"empty section: {line}")
        if re.match(r"\| :?--", line) and not following.startswith("|"):
            found.append(f"empty table: {following}")
        if (line.startswith("::: {.callout") or line.startswith("**")) and following == ":::":
            found.append(f"empty box: {line}")
    text = _prose(body)
    for pattern in (_WORDS, *_SLIPS):
        found += [text[max(0, m.start() - 50) : m.end() + 20] for m in re.finditer(pattern, text)]
    used, labels = (
        set(re.findall(pattern + r"((?:fig|tbl|sec)-[\w-]+)", within))
        for pattern, within in (("@", _prose(document)), (r"\{#", document))
    )
    found += [f"nothing is called {name}" for name in sorted(used - labels)]
    return found


@pytest.fixture(scope="session")
def faults() -> Callable[[str], list[str]]:
    """What a careful reader would find wrong with a document's source."""
    return _faults
