"""The embedded renderer: one sample that uses every feature, read back from its outputs."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pypandoc
import pypdf
import pytest

from report.document.render import FORMATS, install_theme, render, word
from report.study.errors import MissingToolError, RenderError

SAMPLE = Path(__file__).parent / "sample"
DATE = dt.date(2026, 2, 3)


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample, rendered to every format."""
    build = tmp_path_factory.mktemp("sample") / "build"
    shutil.copytree(SAMPLE, build)
    install_theme(build)
    return render(build, FORMATS, "embedded", DATE, quiet)


@pytest.fixture
def document(tmp_path):
    """Write a small build folder around the body of a document."""

    def write(body: str) -> Path:
        front = "---\ntitle: T\nlang: en\nbibliography: references.bib\n---\n\n# One {#sec-one}\n\n"
        (tmp_path / "report.qmd").write_text(front + body, encoding="utf-8")
        shutil.copyfile(SAMPLE / "references.bib", tmp_path / "references.bib")
        install_theme(tmp_path)
        return tmp_path

    return write


class Page(HTMLParser):
    """What the tests want to know of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("script", "style", "annotation")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style", "annotation")

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return plain("".join(self.words))

    @property
    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.tags if a.get("id")]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def page(sample):
    return Page(sample.outputs["html"].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pdf(sample):
    return pypdf.PdfReader(sample.outputs["pdf"])


@pytest.fixture(scope="module")
def pages(pdf):
    """The text of each page."""
    return [p.extract_text() for p in pdf.pages]


@pytest.fixture(scope="module")
def pdf_text(pages):
    return plain(" ".join(pages))


def test_it_says_what_it_used_and_what_it_wrote(sample):
    assert sample.renderer == "embedded"
    assert sorted(sample.versions) == ["pandoc", "typst"]
    assert tuple(sample.outputs) == FORMATS
    names = ["report.html", "report.pdf", "report.docx", "report.tex", "report.typ", "report.md"]
    assert [p.name for p in sample.outputs.values()] == names
    assert all(p.stat().st_size > 1000 for p in sample.outputs.values())


# HTML


def test_html_asks_no_other_host_for_anything(sample, page):
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "data", "poster", "action", "href", "xlink:href"):
            value = attributes.get(name)
            if value is None or (tag == "a" and name == "href"):
                continue
            assert value.startswith(("data:", "#")), f"<{tag} {name}={value[:80]!r}>"
    source = sample.outputs["html"].read_text(encoding="utf-8")
    assert "@import" not in source
    for target in re.findall(r"url\(\s*['\"]?([^)'\"]*)", source):
        assert target.startswith(("data:", "#"))


def test_html_ids_are_unique_and_only_the_dangling_link_dangles(page):
    assert len(page.ids) == len(set(page.ids))
    internal = {a["href"][1:] for t, a in page.tags if t == "a" and a["href"].startswith("#")}
    assert internal - set(page.ids) == {"row-absent"}


def test_html_keeps_classes_and_data_of_a_statistic(page):
    links = [a for tag, a in page.tags if tag == "a" and a.get("class") == "stat"]
    assert {"href": "#row-exp3b-effdim", "class": "stat", "data-kind": "rho"} in links
    assert "row-exp4-149" in page.ids


def test_html_can_be_used_without_a_mouse_and_read_aloud(page):
    assert page.tags[0] == ("html", {"lang": "en"})
    first_link = next(a for tag, a in page.tags if tag == "a")
    assert first_link == {"class": "skip-link", "href": "#content"}
    assert ("main", {"id": "content"}) in page.tags
    scrollers = [a for _, a in page.tags if a.get("class") == "table-scroll"]
    assert len(scrollers) == 4
    assert all(a["tabindex"] == "0" and a["aria-label"].startswith("Table") for a in scrollers)
    images = [a for tag, a in page.tags if tag == "img"]
    assert images[0]["alt"] == 'Six points scattered without a trend; "Mistral" is highest.'


def test_html_has_contents_notes_formulas_and_raw_html(page):
    entries = [a["href"] for t, a in page.tags if t == "a" and a.get("id", "").startswith("toc-")]
    assert entries == [
        "#sec-intro", "#sec-results", "#sec-behaviour", "#sec-second", "#sec-methods",
        "#references", "#app-tests",
    ]  # fmt: skip
    tags = [tag for tag, _ in page.tags]
    assert tags.count("math") == 4
    assert ("button", {"type": "button"}) in page.tags
    assert ("code", {"class": "sourceCode python"}) in page.tags
    assert any(a.get("role") == "doc-noteref" for _, a in page.tags)
    details = [a for tag, a in page.tags if tag == "details"]
    assert {"class": "callout callout-tip"} in details
    assert {"class": "callout callout-caution", "open": None} in details


def test_html_marks_callouts_for_the_style_sheet(page):
    boxes = [a["class"] for _, a in page.tags if str(a.get("class")).startswith("callout callout-")]
    kinds = [name.removeprefix("callout callout-") for name in boxes]
    assert kinds == ["note", "warning", "tip", "important", "caution"]


# Both


SENTENCES = [
    "The sections Section 2 and Section 3 matter most, with Figure 1, Table 1 and Equation 1.",
    "Figure 2 follows Table 2; see also Section 2.1.",
    "Figure 1: Entropy and effective dimension by model.",
    "Figure 2: A second, narrower figure.",
    "Table 1: Correlations of the first axis, by model. |ρ| above .46 survives correction.",
    "Table 2: A wide table that has to fit the page.",
    "Table 3: The same on a page of its own.",
    "Table 4: Every test of the study, one row each.",
    "Table 4 is long.",
    "We follow Spearman (1904) and correct as proposed by others "
    "(Benjamini and Hochberg 1995; Efron 1987, 171).",
    "ρ = .37, 95% CI [−.69, .92], p = .497, n = 6 (Figure 1).",
    "Ada Example, Institute of Samples",
    "3 February 2026",
    "2.1 Behaviour",
    "A title given as a heading",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_both_say_the_same(page, pdf_text, sentence):
    assert sentence in page.text
    assert sentence in pdf_text


def test_every_reference_is_resolved_and_equal_in_both(page, sample):
    html = [a["href"][1:] for t, a in page.tags if t == "a" and a.get("class") == "quarto-xref"]
    typst = re.findall(r"#ref\(<([^>]+)>", sample.outputs["typst"].read_text(encoding="utf-8"))
    assert html == typst
    for text in (page.text, plain(sample.outputs["md"].read_text(encoding="utf-8"))):
        assert not re.search(r"@(fig|tbl|sec|eq)-|\{#|\{\{<|\?@", text)


def test_content_for_one_format_stays_in_it(page, pdf_text):
    assert "Only HTML shows this sentence." in page.text
    assert "Only HTML shows this sentence." not in pdf_text
    assert "Only the PDF shows this sentence." in pdf_text
    assert "Only the PDF shows this sentence." not in page.text
    assert "HTML hides this sentence." in pdf_text
    assert "HTML hides this sentence." not in page.text


def test_every_row_of_the_long_table_is_in_both(page, pdf_text):
    rows = re.findall(r"exp4\.[a-z0-9-]+\.layer-\d{3}", page.text)
    assert len(rows) == 150
    assert rows == re.findall(r"exp4\.[a-z0-9-]+\.layer-\d{3}", pdf_text)


# PDF


def destination(pdf: pypdf.PdfReader, note) -> int | None:
    """Number of the page that a link annotation leads to."""
    target = note.get_object().get("/Dest")
    if isinstance(target, str):
        target = [pdf.named_destinations[target].page]
    return None if target is None else pdf.get_page_number(target[0].get_object())


def test_pdf_is_tagged_and_declares_ua_1(pdf):
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert pdf.metadata.title == "Entropy and behaviour: what holds at n = 6"
    assert pdf.metadata.author == "Ada Example, Bob Instance"
    assert pdf.metadata.creation_date.date() == DATE


def test_pdf_has_only_fonts_that_typst_carries(pdf):
    fonts = set()
    for leaf in pdf.pages:
        for font in leaf["/Resources"].get("/Font", {}).values():
            fonts.add(font.get_object()["/BaseFont"])
    families = {re.match(r"/[A-Z]{6}\+([A-Za-z]+)", name)[1] for name in fonts}
    assert families <= {"LibertinusSerif", "NewCMMath", "DejaVuSansMono"}


def test_pdf_links_a_number_to_its_row_and_drops_the_dangling_link(pdf, pages):
    told = list(zip(pdf.pages, pages, strict=True))
    [result_page] = [p for p, text in told if "2.1 Behaviour" in text]
    row_page = next(i for i, text in enumerate(pages) if re.search(r"exp3b\.effdim all — 6", text))
    assert [destination(pdf, note) for note in result_page["/Annots"]].count(row_page) >= 3
    [first_page] = [p for p, text in told if "stays text in the PDF" in plain(text)]
    assert not any(
        "row-absent" in str(note.get_object().get("/Dest")) for note in first_page["/Annots"]
    )


def test_pdf_repeats_the_header_of_a_long_table(pages):
    long = [text for text in pages if "layer-" in text]
    assert len(long) > 2
    assert all(re.search(r"Id\s+Model\s+Axis\s+n\s+Estimate", text) for text in long)


def test_pdf_text_stays_within_the_page(pdf):
    for leaf in pdf.pages:
        width = float(leaf.mediabox.width)

        def check(text, outer, inner, *rest, width=width):
            if text.strip():
                assert 60 < outer[4] + inner[4] < width - 60

        leaf.extract_text(visitor_text=check)


def test_pdf_turns_the_page_for_a_landscape_block(pdf):
    wide = [p for p in pdf.pages if p.mediabox.width > p.mediabox.height]
    assert len(wide) == 1
    assert "The same on a page of its own." in plain(wide[0].extract_text())


# The others

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def test_docx_is_a_package_that_holds_together(sample):
    with zipfile.ZipFile(sample.outputs["docx"]) as package:
        names = set(package.namelist())
        parts = {
            n: ElementTree.fromstring(package.read(n))
            for n in names
            if n.endswith((".xml", ".rels"))
        }
    body = parts["word/document.xml"]
    marks = [b.get(WORD + "name") for b in body.iter(WORD + "bookmarkStart")]
    assert len(marks) == len(set(marks))
    assert all(len(name) <= 40 for name in marks)
    numbers = [b.get(WORD + "id") for b in body.iter(WORD + "bookmarkStart")]
    assert sorted(numbers) == sorted(b.get(WORD + "id") for b in body.iter(WORD + "bookmarkEnd"))
    for relation in parts["word/_rels/document.xml.rels"]:
        if relation.get("TargetMode") != "External":
            assert "word/" + relation.get("Target") in names
    media = [n for n in names if n.startswith("word/media/")]
    assert media
    assert all(n.endswith(".png") for n in media)
    anchors = {a.get(WORD + "anchor") for a in body.iter(WORD + "hyperlink")} - {None}
    assert anchors - set(marks) == {"row-absent"}


def test_docx_reads_back_with_the_same_words(sample):
    read = pypandoc.convert_file(str(sample.outputs["docx"]), "html", extra_args=["--mathml"])
    text = Page(read).text
    for sentence in (
        "with Figure 1, Table 1 and Equation 1.",
        "Table 4: Every test of the study, one row each.",
        "Figure 2: A second, narrower figure.",
    ):
        assert sentence in text


def test_docx_gives_each_column_of_a_table_what_it_needs(sample):
    """On an A4 page; letters of 8.5 or 7 points, about half as wide."""
    with zipfile.ZipFile(sample.outputs["docx"]) as package:
        body = ElementTree.fromstring(package.read("word/document.xml"))
    page = body.find(f".//{WORD}sectPr/{WORD}pgSz")
    assert (page.get(WORD + "w"), page.get(WORD + "h")) == ("11906", "16838")
    tables = list(body.iter(WORD + "tbl"))
    assert len(tables) >= 3
    for table in tables:
        share = float(table.find(f"{WORD}tblPr/{WORD}tblW").get(WORD + "w")) / 5000
        grid = [float(c.get(WORD + "w")) for c in table.iter(WORD + "gridCol")]
        many = len(grid) >= 10
        for row in table.iter(WORD + "tr"):
            for width, cell in zip(grid, row.iter(WORD + "tc"), strict=True):
                (style,) = {s.get(WORD + "val") for s in cell.iter(WORD + "pStyle")} or {""}
                assert style in ("", "TableSmallText" if many else "TableText")
                text = "".join(t.text for t in cell.iter(WORD + "t"))
                points = width / sum(grid) * share * (728 if many else 482)
                longest = max(map(len, text.split()), default=0)
                assert longest * (3.9 if many else 4.7) <= points or len(text) > 20


def test_the_styles_of_word_have_the_same_bytes_whenever_they_are_written(tmp_path):
    word.write_reference(tmp_path / "reference.docx")
    with zipfile.ZipFile(tmp_path / "reference.docx") as package:
        assert {i.date_time for i in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        styles = package.read("word/styles.xml").decode()
        for part in package.namelist():
            ElementTree.fromstring(package.read(part))
    for style in ("TableText", "TableSmallText"):
        assert f'w:styleId="{style}"' in styles
    assert '<w:sz w:val="21" />' in styles  # 10.5 points
    assert "tblBorders" in styles


def test_latex_uses_labels_of_its_own_and_pdf_figures(sample):
    text = sample.outputs["latex"].read_text(encoding="utf-8")
    labels = set(re.findall(r"\\label\{([^}]+)\}", text))
    assert {"fig-spread", "tbl-models", "eq-rho", "sec-results"} <= labels
    assert set(re.findall(r"\\ref\{([^}]+)\}", text)) <= labels
    assert "{figures/spread.pdf}" in text
    assert ".svg" not in text


# The same bytes


def test_outputs_do_not_change_from_run_to_run(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    build = tmp_path / "another folder"
    shutil.copytree(SAMPLE, build)
    install_theme(build)
    again = render(build, FORMATS, "embedded", DATE, quiet)
    for name in FORMATS:
        assert again.outputs[name].read_bytes() == sample.outputs[name].read_bytes(), name


# What is wrong is said


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("See @fig-none.", "@fig-none"),
        ("See @tbl-none and @sec-none.", "@sec-none"),
        ("See [@eq-none].", "@eq-none"),
        ("As shown by @nobody2001.", "@nobody2001"),
        ("As shown [@spearman1904; @nobody2001].", "@nobody2001"),
        ("[a]{#row-a} and [b]{#row-a}", "#row-a"),
        ("# Free {#sec-free .unnumbered}\n\nSee @sec-free.", "@sec-free"),
        ("![Gone](figures/gone.svg){#fig-gone fig-alt='Nothing.'}", "gone.svg"),
    ],
)
def test_what_is_missing_is_named(document, body, named):
    with pytest.raises(RenderError, match=re.escape(named)) as caught:
        render(document(body), ["html"], "embedded", DATE, quiet)
    assert "traceback" not in str(caught.value)


def test_what_typst_misses_is_named(document):
    with pytest.raises(RenderError, match=r"gone\.svg"):
        render(document("![Gone](figures/gone.svg){#fig-gone}"), ["pdf"], "embedded", DATE, quiet)


def test_all_that_is_missing_is_named_at_once(document):
    with pytest.raises(RenderError) as caught:
        render(document("@fig-a, @tbl-b, @nobody"), ["html"], "embedded", DATE, quiet)
    assert len(str(caught.value).splitlines()) == 4


def test_a_pdf_without_alternative_text_is_refused(document):
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    body = f'```{{=typst}}\n#image(bytes("{svg}"))\n```'
    with pytest.raises(RenderError, match="alt"):
        render(document(body), ["pdf"], "embedded", DATE, quiet)


def test_an_unknown_format_is_a_wrong_call(document):
    with pytest.raises(ValueError, match="odt"):
        render(document(""), ["odt"], "embedded", DATE, quiet)


def test_a_folder_without_its_theme_is_refused(tmp_path):
    (tmp_path / "report.qmd").write_text("text")
    with pytest.raises(RenderError, match=r"_quarto\.yml"):
        render(tmp_path, ["html"], "embedded", DATE, quiet)


def test_progress_is_told_step_by_step(document):
    said: list[str] = []
    done = render(document("Words."), ["pdf", "html"], "embedded", DATE, said.append)
    assert [line.split()[0] for line in said] == ["report.pdf", "report.html"]
    assert list(done.outputs) == ["pdf", "html"]


def test_the_date_is_the_callers_and_names_may_hold_quotes(document):
    build = document("Words.")
    text = (build / "report.qmd").read_text(encoding="utf-8")
    head = """title: T\nauthor:\n  - name: "Zoë O'Brien & *Co*"\n"""
    text = text.replace("title: T\n", head).replace("lang: en\n", "lang: en-GB\n")
    (build / "report.qmd").write_text(text, encoding="utf-8")
    done = render(build, ["pdf"], "embedded", dt.date(2001, 12, 31), quiet)
    read = pypdf.PdfReader(done.outputs["pdf"])
    assert read.metadata.author == "Zoë O’Brien & Co"
    assert read.metadata.creation_date.date() == dt.date(2001, 12, 31)
    assert read.trailer["/Root"]["/Lang"] == "en-GB"


def test_the_typst_source_compiles_by_itself(sample, tmp_path):
    """An author may go on from report.typ with the Typst command line."""
    import typst

    source = sample.outputs["typst"]
    typst.compile(source, output=tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").stat().st_size > 1000


def test_pandoc_is_the_one_that_pypandoc_brings(sample):
    path = pypandoc.get_pandoc_path()
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.split()[1] == sample.versions["pandoc"]


def test_a_missing_pandoc_is_named_with_its_remedy(document, monkeypatch):
    def absent() -> str:
        raise OSError("No pandoc was found")

    build = document("Words.")
    monkeypatch.setattr(pypandoc, "get_pandoc_version", absent)
    with pytest.raises(MissingToolError, match="pip install pypandoc_binary"):
        render(build, ["html"], "embedded", DATE, quiet)
