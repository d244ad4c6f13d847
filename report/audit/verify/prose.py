"""Check of the finished document: every number in it against the ledger, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from report.audit.finished import Finished
from report.audit.verify.documents import Content, Link, plain, read_html, read_markdown, read_typst
from report.audit.verify.findings import Check
from report.document.appendix import Codes, in_words
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger

# Links that are no numbers: cross references, citations, addresses.
_REFERENCE = re.compile(
    r"(Figure|Table|Section|Equation|Appendix)\s*[\dA-Z.]+$|[A-Z][^\d]*\s\d{4}[a-z]?$|https?:"
)

_Cells = Callable[[Entry], Mapping[str, str]]


@dataclass(frozen=True)
class _Known:
    """What links can point to: entries and families of the ledger."""

    entries: Mapping[str, Entry]
    ledger: Ledger

    def text(self, link: Link) -> str | None:
        """Return what a link should say; None if it points nowhere or has no such format."""
        if link.kind is None:
            return None
        entry, family = self.entries.get(link.anchor), self._family(link)
        try:
            if family is not None:
                return fmt.tally(family.m, self.ledger.survivors(family), link.kind)
            return None if entry is None else fmt.show(entry, link.kind)
        except (ValueError, KeyError):
            return None

    def name(self, link: Link) -> str:
        """Return the id of what a link points to."""
        found = self._family(link) or self.entries.get(link.anchor)
        return link.anchor if found is None else found.id

    def _family(self, link: Link) -> Family | None:
        return next((f for f in self.ledger.families.values() if f.anchor == link.anchor), None)


def printed(build: Finished) -> Check:
    """Read the document back in every format that is there."""
    check = Check("Every number in the document is the ledger's")
    source = build.folder / "report.qmd"
    if not source.is_file():
        check.disagree("report.qmd", "the document's source is missing")
        return check
    known = _Known({entry.anchor: entry for entry in build.ledger}, build.ledger)
    markdown = read_markdown(source.read_text(encoding="utf-8", errors="replace"))
    headers = list(next(iter(markdown.rows.values()), {}))
    in_codes = Codes(build.ledger).row
    _compare(check, "report.qmd", markdown, known)
    _rows(check, "report.qmd", markdown, known.entries, in_codes)
    html, typst = build.folder / "report.html", build.folder / "report.typ"
    if html.is_file():
        content = read_html(html.read_text(encoding="utf-8", errors="replace"))
        _compare(check, html.name, content, known)
        _same_links(check, html.name, markdown.links, content.links)
        _rows(check, html.name, content, known.entries, lambda entry: in_words(entry, build.ledger))
    if typst.is_file():
        content = read_typst(typst.read_text(encoding="utf-8", errors="replace"), headers)
        _in_order(check, typst.name, markdown.links, content.links, known)
        _rows(check, typst.name, content, known.entries, in_codes)
    _pdf(check, build, markdown.links, known, in_codes)
    others = [n for n in ("report.docx", "report.tex", "report.md") if (build.folder / n).is_file()]
    if others:
        check.notes.append(f"{', '.join(others)}: by hash only")
    return check


def _compare(check: Check, file: str, content: Content, known: _Known) -> None:
    for link in content.links:
        if link.kind is None:
            continue
        check.count(f"numbers in {file}")
        wanted = known.text(link)
        place = f"{file}, “{link.place}”, {known.name(link)} ({link.kind})"
        if wanted is None:
            check.disagree(place, "points to nothing of the ledger")
        elif plain(link.text) != plain(wanted):
            check.disagree(place, f"says {_one_line(link.text)!r}, the ledger {wanted!r}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _same_links(check: Check, file: str, wanted: Sequence[Link], found: Sequence[Link]) -> None:
    """Find numbers that lost their link, which would hide an edit."""
    wanted = [link for link in wanted if link.kind is not None]
    found = [link for link in found if link.kind is not None]
    keys = [[(link.anchor, link.kind) for link in links] for links in (wanted, found)]
    if keys[0] == keys[1]:
        return
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for _, i, j, _, _ in (code for code in matcher.get_opcodes() if code[0] != "equal"):
        for link in wanted[i:j]:
            check.disagree(f"{file}, “{link.place}”, {link.anchor} ({link.kind})",
                           "the number of report.qmd is not here, or lost its link")  # fmt: skip
    if not any(d.place.startswith(file) for d in check.disagreements):
        check.disagree(file, "has numbers that report.qmd does not have")


def _in_order(
    check: Check, file: str, wanted: Sequence[Link], found: Sequence[Link],
    known: _Known,
) -> None:  # fmt: skip
    """Compare the links of a format without kinds with those of the source, one after another."""
    texts = [known.text(link) or link.text for link in wanted]
    expected, seen = [plain(t) for t in texts], [plain(link.text) for link in found]
    check.count(f"numbers in {file}", sum(link.kind is not None for link in wanted))
    codes = SequenceMatcher(None, expected, seen, autojunk=False).get_opcodes()
    if len(expected) == len(seen):  # pair by pair: an edit moves nothing
        codes = [("replace", i, i + 1, i, i + 1) for i in range(len(seen))
                 if expected[i] != seen[i]]  # fmt: skip
    for code, i, i_end, j, j_end in codes:
        if code == "equal":
            continue
        for k in range(max(i_end - i, j_end - j)):
            link = wanted[i + k] if i + k < i_end else None
            other = found[j + k] if j + k < j_end else None
            if link is None and other is not None:
                check.disagree(f"{file}, “{other.place}”",
                               f"{_one_line(other.text)!r} is no number of report.qmd")  # fmt: skip
            elif link is not None and (link.kind is not None or other is None):
                place = other.place if other else link.place
                says = f"says {_one_line(other.text)!r}" if other else "lacks the number"
                check.disagree(f"{file}, “{place}”, {known.name(link)} ({link.kind})",
                               f"{says}, the ledger {texts[i + k]!r}")  # fmt: skip


# --- the appendix -----------------------------------------------------------------------


def _rows(
    check: Check, file: str, content: Content, entries: Mapping[str, Entry], cells: _Cells
) -> None:
    for anchor, entry in entries.items():
        row = content.rows.get(anchor)
        if row is None:
            check.disagree(f"{file}, appendix", f"there is no row of {entry.id}")
            continue
        check.count(f"rows in {file}")
        for header, wanted in cells(entry).items():
            said = row.get(header)
            if said is None or plain(said) != plain(wanted):
                says = "is missing" if said is None else f"says {_one_line(said)!r}"
                check.disagree(
                    f"{file}, appendix, {entry.id}, column {header}",
                    f"{says}, the ledger {wanted!r}",
                )


# --- PDF --------------------------------------------------------------------------------


def _pdf(
    check: Check, build: Finished, wanted: Sequence[Link], known: _Known, cells: _Cells
) -> None:  # fmt: skip
    path = build.folder / "report.pdf"
    content = _read_pdf(check, path) if path.is_file() else None
    if content is None:
        return
    links = [link for link in content.links if not _REFERENCE.match(_unhyphenated(link.text))]
    _in_order(check, path.name, wanted, links, known)
    rows = Content([], _by_anchor(content, known.entries))
    _rows(check, path.name, rows, known.entries, cells)


def _unhyphenated(text: str) -> str:
    """Join a word that the end of a line in a narrow cell has split: ``Sec-`` and ``tion``."""
    return re.sub(r"(?<=[a-z])[-\u00ad\u2010]\s+(?=[a-z])", "", " ".join(text.split()))


def _read_pdf(check: Check, path: Path) -> Content | None:
    from pypdf.errors import PyPdfError

    from report.audit.verify.pdf import read_pdf

    try:
        content = read_pdf(path)
    except PyPdfError as error:
        check.disagree(path.name, f"can't be read: {error}")
        return None
    if content is None:
        check.notes.append(f"{path.name} is not tagged, so its numbers were not read")
    return content


def _by_anchor(content: Content, entries: Mapping[str, Entry]) -> dict[str, Mapping[str, str]]:
    """Find the row of each entry by its first cell: the id."""
    anchors = {plain(entry.id): anchor for anchor, entry in entries.items()}
    texts = ((plain(first), cells) for first, cells in content.rows.items())
    return {anchors[text]: cells for text, cells in texts if text in anchors}
