"""What a study says is text: escaped in every template, and read by pandoc as it was written."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pypandoc
import pytest

from report.document.fill import Filler, html, yaml
from report.document.parts import Column, Figure, Table
from report.document.tables import to_markdown
from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from report.study.texts import csv_cell, visible

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
        and not re.search(r"\bescape\b|\byaml\b|\bhtml\b|\bcode\b", expression)
    ]
    assert bare == []


# Whatever a study says is text


PAYLOADS = (
    "<script>alert(1)</script>",
    "`<script>alert(1)</script>`{=html}",
    '`#read("/etc/passwd")`{=typst}',
    "`\\input{/etc/passwd}`{=latex}",
    "\\input{/etc/passwd}",
    "{{< meta title >}}",
    "{{{< meta title >}}}",
    "{{</* var x */>}}",
    "{{< include /etc/passwd >}}",
    "<< title >> <% if x %> <# c #>",
    "{{ x }} {% y %}",
    "![x](/etc/passwd)",
    "[x](javascript:alert(1))",
    "[x]{.stat}",
    "[^1]",
    "^[note]",
    "@fig-x",
    "[@nobody]",
    "@sec-methods",
    "Qwen--Qwen2.5...Instruct",
    "--- and ... and 'q' and \"d\"",
    "it's 5'3\"",
    "(1) first",
    "1. first",
    "- item",
    "+ item",
    ": term",
    "::: {.callout-note}",
    ":::",
    "===",
    "---",
    "***",
    "# heading",
    "> quote",
    "| a | b |",
    "Table: x",
    "~~~",
    "a ~b~ ^c^ d",
    "$x$ $$y$$ $5 and $6",
    "*b* _i_ **s** __u__ `c`",
    "a_b*c",
    "|p|",
    "\\",
    "\\\\",
    "end\\",
    "&amp; & &#60; &lt;",
    "<!-- c -->",
    "<https://a.b>",
    "a@b.c",
    "https://a.b",
    "100 % of #1",
    "Mr. X vs. Y et al. p. 3 n.",
    "ends in n.",
    "Wow!",
    "=SUM(A1)",
    "+5",
    "-5",
    "(a)",
    "i) x",
    '](#row-x){.stat data-kind="p"}',
    "{#tbl-x}",
    '" onload="x',
    "' x '",
    "-->",
    "]]>",
    "Δ · é – ’ …",
    ":smile: :a:",
    "x\\",
    "#",
    "a\u00a0b",
    "--",
    "..",
    "...",
    "'",
    '"',
    "`",
    "``",
    "\\`",
    "^",
    "a - b -- c",
)


def _written(name: str) -> str:
    """Return what must be read: the name, with one space for each gap."""
    return re.sub("[ \\n]+", " ", name).strip()


def _tree(markdown: str, *arguments: str) -> Any:
    done = subprocess.run(
        [
            pypandoc.get_pandoc_path(),
            "--from=markdown",
            "--to=json",
            "--fail-if-warnings",
            *arguments,
        ],
        input=markdown.encode(),
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def _text(node: Any) -> str:
    """Return the words of a part of pandoc's tree."""
    if isinstance(node, list):
        return "".join(map(_text, node))
    if not isinstance(node, dict):
        return ""
    if node.get("t") in ("Space", "SoftBreak"):
        return " "
    if node.get("t") in ("Str", "MetaString"):
        return str(node["c"])
    return "".join(map(_text, node.values()))


def _kinds(node: Any) -> set[str]:
    """Return the kinds of elements in a part of pandoc's tree."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = {node["t"]} if isinstance(node, dict) and "t" in node else set()
    return own.union(*map(_kinds, below))


PLAIN = {"Str", "Space", "Plain", "Para"}


@pytest.mark.parametrize(
    "place", ["{}", "- {}", "word\n{}\nword", "# {}", "*a* {}", "**{}**", "“{}” ({})"]
)
def test_text_stays_text_wherever_it_stands(place):
    blocks = [place.replace("{}", fmt.escape(name)) for name in PAYLOADS]
    found = _tree("\n\n<!-- -->\n\n".join(blocks), "--from=markdown-auto_identifiers")["blocks"]
    found = [block for block in found if block["t"] != "RawBlock"]
    assert len(found) == len(PAYLOADS)
    allowed = PLAIN | {
        "BulletList",
        "Header",
        "SoftBreak",
        "Emph",
        "Strong",
        "Quoted",
        "DoubleQuote",
    }
    mark = place.replace("*", "").replace("# ", "").replace("- ", "").replace("\n", " ")
    for block, name in zip(found, PAYLOADS, strict=True):
        assert _text(block) == mark.replace("{}", _written(name))
        assert _kinds(block) <= allowed


def test_spaces_before_a_text_make_no_code():
    (block,) = _tree(fmt.escape("    code"))["blocks"]
    assert (block["t"], _text(block)) == ("Para", "code")


@pytest.mark.parametrize("name", PAYLOADS)
def test_text_stays_text_in_figures_tables_and_front_matter(name, tmp_path):
    figure = Figure("f", "f", f"About {fmt.escape(name)}", name, (1, 1), lambda _: None)
    table = Table("t", fmt.escape(name), (Column("x"),), ((name,), ("b",)))
    filler = Filler(tmp_path, Ledger({}, {}), [figure], [table])
    front = f"---\ntitle: {yaml(name)}\n---\n\n"
    tree = _tree(f"{front}{filler.figure('f')}\n{filler.table('t')}\nend\n")
    assert _text(tree["meta"]["title"]) == _written(name)
    first, second, last = tree["blocks"]
    assert (first["t"], second["t"], _text(last)) == ("Figure", "Table", "end")
    assert _text(first["c"][1]) == _text(first["c"][2]) == f"About {_written(name)}"
    (image,) = first["c"][2][0]["c"]
    assert image["c"][0][2] == [["fig-alt", _written(name)]]
    assert second["c"][0][0] == "tbl-t"
    assert _text(second["c"][1]) == _written(name)
    assert _text(second["c"][4]) == _written(name) + "b"
    assert _kinds(tree) <= PLAIN | {
        "Figure",
        "Table",
        "Image",
        "MetaInlines",
        "AlignRight",
        "ColWidthDefault",
        "AlignDefault",
        "ColWidth",
    }


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_name_that_reached_a_caption_unescaped_runs_nothing(name):
    tree = _tree(f"![{fmt.caption(f'About {name}.')}](x.svg)\n")
    assert not _kinds(tree) & {"RawInline", "RawBlock", "Link", "Math", "Note"}


@pytest.mark.parametrize("name", [*PAYLOADS, "a\n```\n<b>"])
def test_no_short_code_and_no_fence_reaches_the_source(name):
    for written in (fmt.escape(name), fmt.caption(name), yaml(name), html(name), fmt.code(name)):
        assert "{{<" not in written
        assert "\n" not in written
    assert "`" not in html(name)
    assert _written(unescape(html(name))) == _written(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\ud800", "\\ud800"),
        ("a\u202eb", "a\\u202eb"),
        ("a\0b", "a\\x00b"),
        ("通 😀 é", "通 😀 é"),
        ("a\r\nb", "a b"),
    ],
)
def test_what_can_not_be_seen_is_shown_as_a_code(name, shown):
    assert visible(name) == shown
    assert _text(_tree(fmt.escape(name))["blocks"]) == shown


@pytest.mark.parametrize("end", ["n.", "vs.", "et al.", "No.", "Inc.", "p.", "fig.", "word."])
def test_a_caption_that_ends_in_an_abbreviation_keeps_its_label_apart(end):
    table = Table("t", f"Over *all* {end}", (Column("x"),), (("a",),))
    markdown = to_markdown(table, lambda _: "")
    (block,) = _tree(markdown, "--from=markdown-table_attributes")["blocks"]
    assert block["c"][1][1][0]["c"][-1] == {"t": "Str", "c": "{#tbl-t}"}
    assert _text(block["c"][1]) == f"Over all {end} {{#tbl-t}}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "+49 30"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", " =1"),
        ("-a", "'-a"),
        ("-0.5", "-0.5"),
        ("-.53 [-.7, -.2]", "-.53 [-.7, -.2]"),
        ("-1e-07", "-1e-07"),
        ("+.5%", "+.5%"),
        ("a=b", "a=b"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_no_spreadsheet_takes_a_cell_for_a_formula(value, written):
    assert csv_cell(value) == written
