"""Reading numbers back from the finished document: HTML, its Markdown source, and Typst."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, cast

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True)
class Link:
    """A number in the text that points to its row.

    Parameters
    ----------
    anchor : str
        ``row-…``; ``""`` where the format does not tell.
    kind : str or None
        What the number claims to be; None for a link that is no number.
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
    unresolved : list of tuple
        References to nothing, as Quarto prints them, ``?@tbl-…``, and where they stand.
    """

    links: list[Link] = field(default_factory=list[Link])
    rows: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    unresolved: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def said(self, text: str, place: str) -> None:
        """Look through a piece of text for references that lead nowhere."""
        self.unresolved.extend((f"?@{label}", place) for label in _UNRESOLVED.findall(text))


_UNRESOLVED = re.compile(
    r"\?\\?@((?:fig|tbl|sec|eq|lst|thm|lem|cor|def|exm|exr|apx)-[\w-]*\w)", re.ASCII
)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def seen(text: str) -> str:
    """Write what can't be seen of a text as a code, as documents must."""
    return _UNSEEN.sub(lambda c: c[0].encode("unicode_escape").decode("ascii"), text)


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
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._hidden = tag in ("script", "style")
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
        if not self._hidden and "?@" in data:
            self.content.said(data, self._section)
        for buffer in (self._capture, self._heading, self._cell):
            if buffer is not None:
                buffer.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False
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

_LONGEST = 300.0  # seconds that pandoc may take to read the source


def read_markdown(text: str) -> Content:
    """Read ``report.qmd`` as pandoc does: from pandoc's own syntax tree.

    Raises
    ------
    OSError, ValueError, subprocess.SubprocessError
        If there is no pandoc, or it can't read the text.
    """
    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--from=markdown-smart", "--to=json", "--sandbox"]
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=_LONGEST, check=True
    )
    tree: dict[str, Any] = json.loads(done.stdout)
    walker = _Tree()
    walker.walk(tree["meta"])
    walker.walk(tree["blocks"])
    return walker.content


class _Tree:
    """Walks pandoc's syntax tree in document order."""

    def __init__(self) -> None:
        self.content = Content()
        self._section = ""

    def walk(self, node: Any) -> None:
        """Gather headings, links and table rows below a node."""
        if isinstance(node, list):
            for child in cast("list[Any]", node):
                self.walk(child)
            return
        if not isinstance(node, dict):
            return
        element = cast("dict[str, Any]", node)
        kind, inside = element.get("t"), element.get("c")
        if kind is None:  # the document's metadata
            for child in element.values():
                self.walk(child)
            return
        if kind in ("Code", "CodeBlock", "RawInline", "RawBlock", "Math"):
            return
        if kind == "Str":
            self.content.said(str(inside), self._section)
        elif kind == "Header":
            self._section = " ".join(text_of(inside).split())
        elif kind == "Link":
            self._link(inside)
        elif kind == "Table":
            self._table(inside)
        self.walk(inside)

    def _link(self, inside: Any) -> None:
        (_, _, attributes), words, (target, _) = inside
        if target.startswith("#row-"):
            kind = dict(attributes).get("data-kind")
            self.content.links.append(Link(target[1:], kind, text_of(words), self._section))

    def _table(self, inside: Any) -> None:
        _, _, _, (_, head), bodies, _ = inside
        headers = [header_key(text_of(cell[4])) for _, row in head for cell in row]
        for _, _, _, rows in bodies:
            for _, cells in rows:
                if anchor := next((a for cell in cells for a in _ids(cell[4])), None):
                    texts = [text_of(cell[4]) for cell in cells]
                    self.content.rows[anchor] = dict(zip(headers, texts, strict=False))


def _ids(node: Any) -> Iterator[str]:
    """Iterate over the anchors of rows below a node."""
    if isinstance(node, dict) and node.get("t") == "Span" and node["c"][0][0].startswith("row-"):
        yield node["c"][0][0]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _ids(child)


def text_of(node: Any) -> str:
    """Return the text that a reader sees of a node of pandoc's tree."""
    if isinstance(node, list):
        return "".join(map(text_of, node))
    if not isinstance(node, dict):
        return ""
    match node["t"]:
        case "Cite":
            return text_of(node["c"][1])
        case "Str":
            return node["c"]
        case "Space" | "SoftBreak" | "LineBreak":
            return " "
        case "Code" | "Math":
            return node["c"][1]
        case "RawInline" | "RawBlock" | "Note":
            return ""
        case _:
            return text_of(node.get("c"))


# --- Typst ------------------------------------------------------------------------------


# Quarto passes code through a highlighter, which makes calls of it.
_TOKEN = r'#\w+Tok\("(?:\\.|[^"\\])*"\)'


def read_typst(text: str, headers: list[str]) -> Content:
    """Read ``report.typ``; its links tell no kind.

    Parameters
    ----------
    text : str
    headers : list of str
        Column headers of the appendix, as `header_key` gives them.
    """
    content, section, position = Content(), "", 0
    marks = re.compile(
        r"^=+ (?P<heading>.+)$|#link\(<(?P<link>row-[^>]+)>\)\[|(?P<lost>\?\\?@[\w-]+)|"
        rf"\[(?:`[^`\n]+`|[\w.+-]+|(?:{_TOKEN};?)+)\s*<(?P<row>row-[^>]+)>",
        re.MULTILINE,
    )
    while found := marks.search(text, position):
        position = found.end()
        if found["heading"]:
            section = _typst_text(found["heading"])
        elif found["lost"]:
            content.said(found["lost"], section)
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
    spaced = re.sub(rf"(?:{_TOKEN};?)", _token_text, spaced)
    without = re.sub(r"#\w+(?=\[)", "", spaced)
    return re.sub(r"\\(.)", r"\1", re.sub(r"<[\w-]+>\s*$|(?<!\\)[\[\]]", "", without))


def _token_text(found: re.Match[str]) -> str:
    """Return what a highlighter's token shows, escaped as the text around it."""
    text = re.sub(r"\\(.)", r"\1", found[0].partition('"')[2].rpartition('"')[0])
    return re.sub(r"([\[\]<>#\\])", r"\\\1", text)
