"""Reading numbers back from the finished document: HTML, its Markdown source, and Typst."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True)
class Link:
    """A number in the text that points to its row.

    Parameters
    ----------
    anchor : str
        ``row-…``; ``""`` where the format does not tell.
    kind : str or None
        Format of `report.ledger.format.show`; None for a link that is no number.
    text : str
    place : str
        Section, or page.
    """

    anchor: str
    kind: str | None
    text: str
    place: str


@dataclass(frozen=True)
class Content:
    """What of a document can be checked.

    Parameters
    ----------
    links : list of Link
        In document order.
    rows : dict
        Anchor of an appendix row to its cells by column header.
    """

    links: list[Link] = field(default_factory=list[Link])
    rows: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])


def plain(text: str) -> str:
    """Reduce a text to what must agree: without white space, hyphens and curled quotes.

    Layout adds these. A minus sign is a character of its own and stays.
    """
    return re.sub(r"[\s\u00ad\u200b\u2010-]+", "", text).translate(_STRAIGHT)


def header_key(text: str) -> str:
    """Reduce a column header likewise, without its emphasis."""
    return plain(text).replace("*", "").lower()


# --- HTML -------------------------------------------------------------------------------


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.content = Content()
        self._section = ""
        self._capture: list[str] | None = None
        self._heading: list[str] | None = None
        self._link: tuple[str, str | None] | None = None
        self._headers: list[str] = []
        self._cells: list[str] = []
        self._cell: list[str] | None = None
        self._is_header = False
        self._anchor = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self._heading = []
        elif tag == "a" and (attributes.get("href") or "").startswith("#row-"):
            self._link = (attributes["href"] or "")[1:], attributes.get("data-kind")
            self._capture = []
        elif tag == "table":
            self._headers = []
        elif tag == "tr":
            self._cells, self._anchor = [], ""
        elif tag in ("td", "th"):
            self._cell = []
            self._is_header = tag == "th" and attributes.get("scope") != "row"
        if (attributes.get("id") or "").startswith("row-"):
            self._anchor = attributes["id"] or ""

    def handle_data(self, data: str) -> None:
        for buffer in (self._capture, self._heading, self._cell):
            if buffer is not None:
                buffer.append(data)

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag) and self._heading is not None:
            self._section, self._heading = " ".join("".join(self._heading).split()), None
        elif tag == "a" and self._link and self._capture is not None:
            anchor, kind = self._link
            self.content.links.append(Link(anchor, kind, "".join(self._capture), self._section))
            self._link = self._capture = None
        elif tag in ("td", "th") and self._cell is not None:
            self._cells.append("".join(self._cell))
            if self._is_header:
                self._headers.append(header_key(self._cells[-1]))
            self._cell = None
        elif tag == "tr" and self._anchor:
            self.content.rows[self._anchor] = dict(zip(self._headers, self._cells, strict=False))


def read_html(text: str) -> Content:
    """Read ``report.html``."""
    parser = _Html()
    parser.feed(text)
    parser.close()
    return parser.content


# --- Markdown ---------------------------------------------------------------------------

_MD_LINK = re.compile(
    r'\[((?:\\.|[^\]\\])*)\]\(#(row-[^)\s]+)\)(?:\{\.stat data-kind="([^"]*)"[^}]*\})?'
)
_MD_ROW = re.compile(r"\]\{#(row-[^}]+)\}")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def read_markdown(text: str) -> Content:
    """Read ``report.qmd``."""
    content, section, headers = Content(), "", list[str]()
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if heading := re.match(r"#{1,6} (.*?)\s*(\{[^}]*\})?$", line):
            section = _unescaped(heading[1])
        if line.startswith("|") and i + 1 < len(lines) and re.match(r"\|:?-", lines[i + 1]):
            headers = [header_key(_unescaped(cell)) for cell in _md_cells(line)]
        for found in _MD_LINK.finditer(line):
            content.links.append(Link(found[2], found[3], _unescaped(found[1]), section))
        if line.startswith("|") and (row := _MD_ROW.search(line)):
            cells = [_unescaped(cell) for cell in _md_cells(line)]
            content.rows[row[1]] = dict(zip(headers, cells, strict=False))
    return content


def _md_cells(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line.strip().strip("|"))


# --- Typst ------------------------------------------------------------------------------


def read_typst(text: str, headers: list[str]) -> Content:
    """Read ``report.typ``; its links tell no kind.

    Parameters
    ----------
    text : str
    headers : list of str
        Column headers of the appendix, as `header_key` gives them.
    """
    content, section, position = Content(), "", 0
    marks = re.compile(r"^=+ (?P<heading>.+)$|#link\(<(?P<link>row-[^>]+)>\)\[|"
                       r"\[`?(?P<id>[\w.+-]+)`?\s*<(?P<row>row-[^>]+)>", re.MULTILINE)  # fmt: skip
    while found := marks.search(text, position):
        position = found.end()
        if found["heading"]:
            section = _typst_text(found["heading"])
        elif found["link"]:
            body, _ = _bracketed(text, found.end() - 1)
            content.links.append(Link(found["link"], None, _typst_text(body), section))
        else:
            cells = [_typst_text(cell) for cell in _typst_cells(text, found.start(), len(headers))]
            content.rows[found["row"]] = dict(zip(headers, cells, strict=False))
    return content


def _bracketed(text: str, start: int) -> tuple[str, int]:
    """Return what stands in the brackets that open at ``start``, and where they end."""
    depth, i = 0, start
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == "[":
            depth += 1
        elif text[i] == "]":
            depth -= 1
            if depth == 0:
                return text[start + 1 : i], i + 1
        i += 1
    return text[start + 1 :], len(text)


def _typst_cells(text: str, start: int, n: int) -> Iterator[str]:
    for _ in range(n):
        cell, end = _bracketed(text, start)
        yield cell
        gap = re.compile(r"\s*,\s*(?=\[)").match(text, end)
        if gap is None:
            return
        start = gap.end()


def _typst_text(source: str) -> str:
    spaced = re.sub(r"(?<!\\)~", " ", source.replace("---", "—"))
    without = re.sub(r"#\w+(?=\[)", "", spaced)
    return re.sub(r"\\(.)", r"\1", re.sub(r"<[\w-]+>\s*$|(?<!\\)[\[\]]", "", without))
