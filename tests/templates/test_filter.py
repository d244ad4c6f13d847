"""The Lua filter that teaches plain pandoc Quarto's dialect, snippet by snippet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pypandoc
import pytest

THEME = Path(__file__).resolve().parents[2] / "templates" / "theme"


@pytest.fixture
def convert(tmp_path):
    """Convert a snippet in a folder of its own; ``fails`` gives stderr instead."""

    def run(text: str, to: str, variables: str = "", fails: bool = False) -> str:
        (tmp_path / "_variables.yml").write_text(variables, encoding="utf-8")
        done = subprocess.run(
            [
                pypandoc.get_pandoc_path(), "--from=markdown", f"--to={to}", "--wrap=none",
                f"--lua-filter={THEME / 'images.lua'}", f"--lua-filter={THEME / 'shared.lua'}",
                f"--lua-filter={THEME / 'quarto.lua'}",
            ],
            input=text.encode(), capture_output=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return (done.stderr if fails else done.stdout).decode().strip()

    return run


# Sections


def test_sections_are_numbered_as_the_writers_number_them(convert):
    text = (
        "# A {#sec-a}\n\n## B {#sec-b}\n\n## C {.unnumbered}\n\n## D {#sec-d}\n\n"
        "# E {#sec-e}\n\n### F {#sec-f}\n\n@sec-a @sec-b @sec-d @sec-e @sec-f"
    )
    out = convert(text, "html")
    for label in ("Section\u00a01<", "Section\u00a01.1<", "Section\u00a01.2<", "Section\u00a02<"):
        assert label in out
    assert "Section\u00a02.0.1<" in out
    assert "<h2>1.2 D</h2>" not in out


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@sec-a", '<a href="#sec-a" class="quarto-xref">Section\u00a01</a>'),
        ("@Sec-a", '<a href="#sec-a" class="quarto-xref">Section\u00a01</a>'),
        ("[-@sec-a]", '<a href="#sec-a" class="quarto-xref">1</a>'),
        ("[Part @sec-a]", '<a href="#sec-a" class="quarto-xref">Part\u00a01</a>'),
        (
            "[@sec-a; @sec-b]",
            '<a href="#sec-a" class="quarto-xref">Section\u00a01</a>, '
            '<a href="#sec-b" class="quarto-xref">Section\u00a02</a>',
        ),
    ],
)
def test_forms_of_a_reference(convert, source, expected):
    out = convert(f"# A {{#sec-a}}\n\n# B {{#sec-b}}\n\n{source}", "html")
    assert out.endswith(f"<p>{expected}</p>")


def test_a_reference_cannot_share_its_brackets_with_a_citation(convert):
    said = convert("# A {#sec-a}\n\n[@sec-a; @work]", "html", fails=True)
    assert "mixes works and cross references" in said


# Short codes


@pytest.mark.parametrize(
    "code", ["{{< var n >}}", "{{< include x.qmd >}}", "{{< pagebreak >}}", "{{< open"]
)
@pytest.mark.parametrize("source", ["{}", "# {}", "({}),", "`{}`"])
def test_short_codes_are_text(convert, code, source):
    out = convert(source.format(code), "html", 'n: "obeyed"')
    assert re.sub("<[^>]+>", "", out) == source.strip("#` ").format(code).replace(
        "<", "&lt;"
    ).replace(">", "&gt;")


# Conditional content


@pytest.mark.parametrize(
    ("attributes", "seen"),
    [
        ('.content-visible when-format="html"', {"html"}),
        ('.content-visible unless-format="html"', {"typst", "latex", "gfm"}),
        ('.content-visible when-format="typst"', {"typst"}),
        ('.content-visible when-format="pdf"', {"latex"}),
        ('.content-hidden when-format="typst"', {"html", "latex", "gfm"}),
        ('.content-hidden unless-format="html"', {"html"}),
        (".content-hidden", set()),
    ],
)
def test_conditional_content(convert, attributes, seen):
    block = f"::: {{{attributes}}}\nblock\n:::\n"
    for to in ("html", "typst", "latex", "gfm"):
        assert ("block" in convert(block, to)) == (to in seen)
        assert ("span" in convert(f"[span]{{{attributes}}} end", to)) == (to in seen)


def test_hidden_floats_take_no_number(convert):
    figure = "![Cap](x.svg){{#fig-{0} fig-alt='a'}}\n\n"
    hidden = '::: {.content-visible when-format="typst"}\n' + figure.format("a") + ":::\n\n"
    assert "Figure\u00a01" in convert(hidden + figure.format("b") + "@fig-b", "html")


# Callouts


def test_callout_for_typst(convert):
    out = convert('::: {.callout-tip title="Use *this*"}\nBody\n:::', "typst")
    assert out == '#callout(kind: "tip", title: [\nUse #emph[this]\n], body: [\nBody\n\n])'


def test_callout_elsewhere_is_a_quotation(convert):
    assert convert("::: {.callout-note}\nBody\n:::", "gfm") == "> **Note**\n>\n> Body"


def test_a_callout_may_hold_a_callout_and_a_reference(convert):
    text = ":::: {.callout-note}\n::: {.callout-tip}\n@sec-a\n:::\n::::\n\n# A {#sec-a}"
    out = convert(text, "html")
    assert out.count('<div class="callout callout-') == 2
    assert "Section\u00a01" in out


# Floats


TABLE = '| a | b |\n|:--|--:|\n| 1 | 2 |\n\n: Cap *it* {#tbl-x tbl-colwidths="[25, 75]"}\n'


def test_table_for_typst(convert):
    out = convert(TABLE, "typst")
    assert "columns: (25%, 75%)" in out
    assert out.count("#figure(") == 1
    assert out.endswith(
        "], caption: figure.caption(position: top, [\nCap #emph[it]\n\n"
        ']), kind: "quarto-float-tbl", supplement: "Table")<tbl-x>'
    )


def test_a_long_source_line_alone_gives_no_widths(convert):
    line = f"| {'word ' * 20} | 2 |\n"
    assert "columns: 2," in convert("| a | b |\n|:---|---:|\n" + line, "typst")
    assert "<col" not in convert("| a | b |\n|:---|---:|\n" + line, "html")


def test_a_table_wider_than_a_page_shares_it_out(convert):
    row = f"| {'a' * 200} | {'b' * 100} | 12 |\n"
    out = convert("| x | y | n |\n|:---|:---|---:|\n" + row, "typst")
    widths = re.search(r"columns: \(([^)]*)\)", out)[1]
    first, second, third = (float(width.strip(" %")) for width in widths.split(","))
    assert first + second + third == pytest.approx(100, abs=0.1)
    assert first / second == pytest.approx(202 / 102, rel=0.01)
    assert third < 4


def test_table_for_html(convert):
    out = convert(TABLE, "html")
    assert '<figure class="quarto-float quarto-float-tbl" id="tbl-x">' in out
    assert "Table\u00a01: Cap <em>it</em>" in out
    assert 'role="region" aria-label="Table 1"' in out
    assert "colwidths" not in out


def test_figure_for_typst(convert):
    text = "![Cap](x.svg){#fig-x fig-alt='A \"b\" \\\\ c' width=50%}"
    out = convert(text, "typst")
    assert 'image("x.svg", alt: "A \\"b\\" \\\\ c", width: 50%)' in out
    assert out.endswith('supplement: "Figure")<fig-x>')


@pytest.mark.parametrize(
    ("to", "file"), [("html", "x.svg"), ("typst", "x.svg"), ("latex", "x.pdf"), ("docx", None)]
)
def test_each_format_gets_its_kind_of_picture(convert, to, file):
    if file:
        assert file in convert("![Cap](x.svg)", to)
    else:
        lua = (THEME / "images.lua").read_text(encoding="utf-8")
        assert 'docx = ".png"' in lua


# Equations


def test_equation_for_typst_has_its_number_and_its_description(convert):
    out = convert('$$ \\rho = \\frac{1}{2} $$ {#eq-x}\n\nSee @eq-x and $a"b$.', "typst")
    assert out.startswith(
        '#math.equation(block: true, numbering: "(1)", alt: "\\\\rho = \\\\frac{1}{2}", '
        "$ rho = 1 / 2 $)<eq-x>"
    )
    assert "#ref(<eq-x>)" in out
    assert '#math.equation(block: false, alt: "a\\"b",' in out


def test_equation_for_latex(convert):
    out = convert("$$ a $$ {#eq-x}\n\nSee @eq-x.", "latex")
    assert "\\begin{equation}\\label{eq-x} a \\end{equation}" in out
    assert "Equation~\\ref{eq-x}" in out


# Front matter


def test_front_matter_takes_the_shape_that_quarto_gives_to_templates(convert, tmp_path):
    (tmp_path / "t.txt").write_text(
        "$for(by-author)$$it.name.literal$: $for(it.affiliations)$$it.name$$sep$ & $endfor$; "
        "$endfor$$date$"
    )
    text = (
        "---\nauthor:\n  - name: Ada\n    affiliations:\n      - name: X\n      - W\n"
        "  - name: Bob\n    affiliations: Z\n  - Cy\ndate: 2026-02-03\n---\n"
    )
    done = subprocess.run(
        [
            pypandoc.get_pandoc_path(), "--from=markdown", "--to=plain", "--template=t.txt",
            f"--lua-filter={THEME / 'quarto.lua'}",
        ],
        input=text.encode(), capture_output=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert done.stdout.decode().strip() == "Ada: X & W; Bob: Z; Cy: ; 3 February 2026"


def test_the_theme_is_made_of_these_files():
    names = {p.name for p in THEME.iterdir()}
    assert names == {
        "_quarto.yml", "images.lua", "preamble.tex", "quarto.lua", "report.css", "report.html",
        "report.js", "report.typst", "shared.lua", "typst-show.typ", "typst-template.typ",
        "word.lua",
    }  # fmt: skip


# What Quarto gets of it: the shared filter alone, which finds a global called `quarto`


@pytest.fixture
def as_quarto(tmp_path):
    """Convert a snippet as Quarto's pandoc begins to, with the shared filter."""
    here = tmp_path / "here.lua"
    here.write_text(f"quarto = {{}}\nreturn dofile('{THEME / 'shared.lua'}')\n")

    def run(text: str, to: str, *arguments: str) -> str:
        command = [pypandoc.get_pandoc_path(), "--from=markdown", f"--to={to}", "--wrap=none"]
        done = subprocess.run(
            [*command, f"--lua-filter={here}", *arguments],
            input=text.encode(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    return run


def test_quarto_gets_the_callouts_of_html_and_makes_the_others_itself(convert, as_quarto):
    text = '::: {.callout-tip title="Use *this*"}\nBody\n:::'
    assert as_quarto(text, "html") == convert(text, "html")
    assert '<div class="callout callout-tip" role="note">' in as_quarto(text, "html")
    assert "#callout(" not in as_quarto(text, "typst")


def test_quarto_gets_tables_without_widths_that_nobody_asked_for(as_quarto):
    line = f"| {'word ' * 20} | 2 |\n"
    assert "columns: 2," in as_quarto("| a | b |\n|:---|---:|\n" + line, "typst")
    given = as_quarto(TABLE, "native")
    assert "tbl-colwidths" in given


def test_code_in_a_pdf_is_not_coloured(as_quarto):
    """A highlighter would take the ids of the rows apart."""
    settings = (THEME / "_quarto.yml").read_text(encoding="utf-8")
    typst = settings.partition("  typst:\n")[2].partition("  docx:\n")[0]
    assert "    syntax-highlighting: none\n" in typst
    assert "  - at: pre-ast\n    path: theme/shared.lua\n" in settings
    row = "| [`a.b`]{#row-a-b} |\n|---|\n| [`c.d`{.r}]{#row-c-d} |"
    assert "<row-c-d>" in as_quarto(row, "typst", "--syntax-highlighting=none")
    assert "Tok" not in as_quarto(row, "typst", "--syntax-highlighting=none")
