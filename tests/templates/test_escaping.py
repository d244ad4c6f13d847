"""No template prints a name from a study without escaping it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
# What a study, or whoever wrote its captures, chooses freely.
_FREE = re.compile(
    r"\.(name|title|label|short|positive|negative|pole|sentence_of|intervention|source|summary"
    r"|affiliation|problem|remedy|costs|field|reading|where)\b"
    r"|\b(name|names|axes|pair|model|axis)\["
    r"|^(name|names|title|subtitle|axes)\b"
)
# These print what the program says of itself.
OWN = {"environment.qmd.j2", "simulation.qmd.j2"}
_OURS = re.compile(r"section\.title|reason\.sentence|\bstat\(|\bfigure\(|\btable\(|^simulation\.")


def printed(template: Path) -> list[str]:
    text = re.sub(r"<#.*?#>", "", template.read_text("utf-8"), flags=re.S)
    return [found.strip() for found in re.findall(r"<<(.*?)>>", text, flags=re.S)]


def written_from_studies() -> list[Path]:
    return [path for path in sorted(TEMPLATES.rglob("*.qmd.j2")) if path.name not in OWN]


@pytest.mark.parametrize("path", written_from_studies(), ids=lambda path: path.name)
def test_names_are_escaped(path: Path) -> None:
    bare = [
        expression
        for expression in printed(path)
        if _FREE.search(expression)
        and not _OURS.search(expression)
        and not re.search(r"\bescape\b|\byaml\b", expression)
    ]
    assert bare == []
