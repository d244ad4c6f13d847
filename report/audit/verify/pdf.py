"""Reading numbers back from a tagged PDF: its structure tree says which text is a link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from report.audit.verify.documents import Content, Link, header_key


def read_pdf(path: Path) -> Content | None:
    """Read ``report.pdf``.

    Returns
    -------
    Content or None
        Links carry no anchor and no kind, and the page as their place; rows are keyed by the
        words of their first cell. None if the file is not tagged.

    Raises
    ------
    pypdf.errors.PyPdfError
        If it is no PDF.
    """
    from pypdf import PdfReader

    reader = PdfReader(path)
    root: Any = reader.root_object.get("/StructTreeRoot")
    if root is None:
        return None
    texts = [_marked_text(page) for page in reader.pages]
    walker = _Walker(texts,
                     {page.indirect_reference.idnum: i for i, page in enumerate(reader.pages)
                      if page.indirect_reference is not None})  # fmt: skip
    walker.walk(root.get_object().get("/K"))
    for number, page in enumerate(texts, start=1):
        words = "".join("".join(page.values()).split())
        walker.content.said(words, f"page {number}")
    return walker.content


def _marked_text(page: Any) -> dict[int, str]:
    """Return the text of every marked content of a page, by its id."""
    found: dict[int, str] = {}
    open_: list[int | None] = [None]  # nested marks belong to the one around them

    def before(operator: bytes, operands: Any, _cm: Any, _tm: Any) -> None:
        if operator in (b"BDC", b"BMC"):
            properties = operands[1] if operator == b"BDC" else None
            inherited = None if str(operands[0]) == "/Artifact" else open_[-1]
            own = properties.get("/MCID") if isinstance(properties, dict) else None
            open_.append(inherited if own is None else own)
        elif operator == b"EMC":
            open_.pop()

    def text(words: str, *_: Any) -> None:
        current = open_[-1]
        if current is not None and words:
            found[current] = found.get(current, "") + words

    page.extract_text(visitor_operand_before=before, visitor_text=text)
    return found


class _Walker:
    """Walks the structure tree and gathers headings, links and table rows."""

    def __init__(self, texts: list[dict[int, str]], pages: dict[int, int]) -> None:
        self.content = Content()
        self._texts, self._pages = texts, pages
        self._section = ""
        self._headers: list[str] = []

    def walk(self, node: Any, page: int = 0) -> None:
        for element, at in self._children(node, page):
            kind = str(element.get("/S"))
            if kind in ("/H1", "/H2", "/H3", "/H4"):
                self._section = " ".join(self._text(element, at).split())
            elif kind in ("/TOC", "/Artifact"):
                continue
            elif kind == "/Link":
                where = f"page {self._page_of(element, at) + 1}, {self._section}"
                self.content.links.append(Link("", None, self._text(element, at), where))
                continue
            elif kind == "/TR":
                self._row(element, at)
            self.walk(element.get("/K"), at)

    def _row(self, row: Any, page: int) -> None:
        cells = [(str(cell.get("/S")), self._text(cell, at))
                 for cell, at in self._children(row.get("/K"), page)]  # fmt: skip
        if cells and all(kind == "/TH" for kind, _ in cells):
            self._headers = [header_key(text) for _, text in cells]
        elif cells:
            texts = [text for _, text in cells]
            self.content.rows["".join(texts[0].split())] = dict(
                zip(self._headers, texts, strict=False)
            )

    def _children(self, node: Any, page: int) -> Iterator[tuple[Any, int]]:
        """Iterate over the structure elements below a node, with their pages."""
        node = node.get_object() if hasattr(node, "get_object") else node
        for child in node if isinstance(node, list) else [node]:
            child = child.get_object() if hasattr(child, "get_object") else child
            if hasattr(child, "get") and child.get("/S") is not None:
                yield child, self._page_of(child, page)

    def _page_of(self, element: Any, page: int) -> int:
        reference = element.raw_get("/Pg") if "/Pg" in element else None
        return page if reference is None else self._pages.get(reference.idnum, page)

    def _text(self, element: Any, page: int) -> str:
        """Return all text below an element."""
        kids = element.get("/K")
        kids = kids.get_object() if hasattr(kids, "get_object") else kids
        parts: list[str] = []
        for kid in kids if isinstance(kids, list) else [kids]:
            kid = kid.get_object() if hasattr(kid, "get_object") else kid
            if isinstance(kid, int):
                parts.append(self._texts[page].get(kid, ""))
            elif hasattr(kid, "get") and kid.get("/Type") == "/MCR":
                parts.append(self._texts[self._page_of(kid, page)].get(kid["/MCID"], ""))
            elif hasattr(kid, "get") and kid.get("/S") is not None:
                parts.append(self._text(kid, self._page_of(kid, page)))
        return "".join(parts)
