"""Names that a study chooses freely are shown as written, wherever they stand, and run nothing."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import pypandoc
import pytest

from report.document.outputs import write_tables
from report.document.paper import write_source
from report.document.render import install_theme
from report.pipeline import Options, compute, load

ROOT = Path(__file__).resolve().parents[3]
NASTY = (
    "<script>alert(1)</script>",
    "`<b>alert(2)</b>`{=html}",
    '`#read("/etc/passwd")`{=typst}',
    "`x`{=latex} \\input{/etc/passwd}",
    "{{< meta t >}}",
    "<< title >> {{ x }}",
    "[4-bit] [^1] @fig-x",
    "a--b...c 'q' \"d\" e.g. n.",
    "(1) #2 $x$ *y* _z_ | 50%",
    "\\",
    ":::",
    "![i](/etc/passwd)",
    '](#row-x){.stat data-kind="p"}',
    "</td></table>```",
)


@pytest.fixture(scope="module")
def hostile(synthetic):
    """The studies with every name made nasty, each in its own way."""
    number = count()

    def nasty(item: Any, *fields: str) -> Any:
        changed = {
            field: f"`<b>`{{=html}} {NASTY[(i := next(number)) % len(NASTY)]} w{i}w"
            for field in fields
        }
        return item.model_copy(update=changed)

    def spoiled(study: Any) -> Any:
        parts = {
            "authors": [nasty(a, "name", "affiliation") for a in study.authors],
            "axes": [nasty(a, "positive", "negative") for a in study.axes],
            "cohorts": [nasty(c, "title", "intervention") for c in study.cohorts],
            "models": [nasty(m, "name", "short", "family", "parameters") for m in study.models],
        }
        return nasty(study, "title", "source", "summary").model_copy(
            update={name: tuple(items) for name, items in parts.items()}
        )

    return [spoiled(s) for s in load([ROOT / "data" / "entropy-2026-02", synthetic], quick=True)]


@pytest.fixture(scope="module")
def results(hostile):
    return compute(hostile, Options(quick=True), lambda _: None)


@pytest.fixture(scope="module")
def document(results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("document")
    install_theme(folder)
    return write_source(results, folder, "embedded")


@pytest.fixture(scope="module")
def tree(document) -> Any:
    command = [pypandoc.get_pandoc_path(), "--from=markdown", "--to=json", "--fail-if-warnings"]
    done = subprocess.run([*command, document], capture_output=True, check=True)
    return json.loads(done.stdout)


def elements(node: Any, *kinds: str) -> list[Any]:
    """Return all elements of these kinds in a part of pandoc's tree."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node] if isinstance(node, dict) and node.get("t") in kinds else []
    return own + [found for part in below for found in elements(part, *kinds)]


def text(node: Any) -> str:
    """Return the words of a part of pandoc's tree, also of code, raw blocks and attributes."""
    if isinstance(node, str):
        return f"{node} "
    if isinstance(node, list):
        return "".join(map(text, node))
    if not isinstance(node, dict):
        return ""
    if node.get("t") in ("Space", "SoftBreak"):
        return " "
    return node["c"] if node.get("t") == "Str" else "".join(map(text, node.values()))


def test_only_the_templates_speak_to_the_formats(tree):
    found = elements(tree, "RawInline", "RawBlock", "Link", "Image", "Note", "Math")
    raw = [e["c"] for e in found if e["t"] in ("RawInline", "RawBlock")]
    assert raw
    for kind, source in raw:
        assert kind in ("html", "typst", "latex", "openxml")
        assert not re.search(r"<script|<b>|</table>```|passwd(?!&quot;)\"", source)
        if kind != "html":
            assert not re.search(r"w\d+w", source)
    linked = [e["c"][2][0] for e in found if e["t"] in ("Link", "Image")]
    assert linked
    assert not [target for target in linked if "passwd" in target]
    assert not [e for e in found if e["t"] in ("Note", "Math")]


def test_every_name_is_shown_as_written(hostile, tree):
    shown = re.sub(r"[ \xa0]+", " ", text(tree))
    for study in hostile:
        names = [study.title, study.summary, *(c.title for c in study.cohorts)]
        names += [m.name for m in study.models] + [a.name for a in study.axes]
        names += [a.name for a in study.authors] + [a.affiliation for a in study.authors]
        assert [name for name in names if name not in shown] == []


def test_short_codes_and_our_own_delimiters_are_left_alone(document):
    source = document.read_text("utf-8")
    assert "{{<" not in source
    assert r"\<\< title \>\> \{\{ x \}\}" in source


def test_every_caption_keeps_its_label(document):
    """Quarto looks for it as a word of its own; an abbreviation would take it in."""
    command = [pypandoc.get_pandoc_path(), "--from=markdown-table_attributes", "--to=json"]
    done = subprocess.run([*command, document], capture_output=True, check=True)
    tables = elements(json.loads(done.stdout), "Table")
    labels = [e["c"] for t in tables for e in elements(t["c"][1], "Str") if "{#" in e["c"]]
    assert len(labels) == document.read_text("utf-8").count("{#tbl-")
    assert all(label.startswith("{#tbl-") for label in labels)


def test_alternative_texts_hold_no_markup(hostile, tree):
    alts = " ".join(dict(e["c"][0][2])["fig-alt"] for e in elements(tree, "Image"))
    assert any(m.name in alts for s in hostile for m in s.models)


def test_tables_of_a_manuscript_hold_the_names(results, tmp_path):
    tables = [t for s in results.sections for t in s.tables]
    write_tables(tables, results.ledger, tmp_path, ["csv", "latex", "html"])
    written = "".join(path.read_text("utf-8") for path in tmp_path.glob("*.csv"))
    name = results.studies[1].study.models[0].name
    assert name.replace('"', '""') in written
    assert not re.search(
        r"(?<!\\textbackslash\{\})\\input",
        "".join(path.read_text("utf-8") for path in tmp_path.glob("*.tex")),
    )
    assert "<script" not in "".join(path.read_text("utf-8") for path in tmp_path.glob("*.html"))
