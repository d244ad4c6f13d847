"""Check of the finished document: every number in it against the ledger, wherever it stands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path

from report.audit.finished import Finished
from report.audit.verify import appendix
from report.audit.verify.documents import Content, Link, plain, read_html, read_markdown, read_typst
from report.audit.verify.findings import Check
from report.audit.verify.printed import Expected, tally_faults
from report.ledger.ledger import Entry, Family, Ledger

# Links that are no numbers: cross references, citations, addresses.
_REFERENCE = re.compile(
    r"(Figure|Table|Section|Equation|Appendix)\s*[\dA-Z.]+$|§\s*\d+$|[A-Z][^\d]*\s\d{4}[a-z]?$|https?:"
)

_Checks = Callable[[Expected], Mapping[str, appendix.Wrong]]


@dataclass(frozen=True)
class _Known:
    """What links can point to: entries and families of the ledger."""

    build: Finished

    @cached_property
    def entries(self) -> Mapping[str, Expected]:
        """What each entry owes its readers, by the anchor of its row."""
        return {entry.anchor: Expected(entry, self._level(entry)) for entry in self.ledger}

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.build.ledger

    @cached_property
    def _families(self) -> Mapping[str, Family]:
        return {family.anchor: family for family in self.ledger.families.values()}

    def _level(self, entry: Entry) -> float:
        try:
            return self.build.plan(entry).level
        except KeyError:  # of no one study: its own level
            interval = entry.estimate.interval
            return 0.95 if interval is None else interval.level

    def faults(self, link: Link, text: str) -> list[str]:
        """Say what a text has wrong, as the number that a link stands for."""
        family, expected = self._families.get(link.anchor), self.entries.get(link.anchor)
        try:
            if family is not None:
                survivors = self.ledger.survivors(family)
                return tally_faults(text, link.kind or "", family, survivors)
            if expected is not None:
                return expected.faults(text, link.kind or "")
        except (KeyError, ValueError):
            return [f"claims to be {link.kind!r}, which no number is"]
        return ["points to nothing of the ledger"]

    def name(self, link: Link) -> str:
        """Return the id of what a link points to."""
        family, expected = self._families.get(link.anchor), self.entries.get(link.anchor)
        return family.id if family else expected.entry.id if expected else link.anchor


def printed(build: Finished) -> Check:
    """Read the document back in every format that is there."""
    check = Check("Every number in the document is the ledger's")
    known = _Known(build)
    _levels(check, known)
    source = build.folder / "report.qmd"
    if not source.is_file():
        check.disagree("report.qmd", "the document's source is missing")
        return check
    try:
        markdown = read_markdown(source.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError, subprocess.SubprocessError) as error:
        check.disagree("report.qmd", f"it can't be read: {error}")
        return check
    headers = next((list(row) for anchor, row in markdown.rows.items()
                    if anchor in known.entries), [])  # fmt: skip
    in_codes = appendix.Codes(build.ledger).paper
    _compare(check, "report.qmd", markdown, known)
    _rows(check, "report.qmd", markdown, known.entries, in_codes)
    html, typst = build.folder / "report.html", build.folder / "report.typ"
    if html.is_file():
        content = read_html(html.read_text(encoding="utf-8", errors="replace"))
        _compare(check, html.name, content, known)
        _same_links(check, html.name, markdown.links, content.links)
        _rows(check, html.name, content, known.entries,
              lambda expected: appendix.screen(expected, build.ledger))  # fmt: skip
        _resolved(check, html.name, content, markdown)
    if typst.is_file():
        content = read_typst(typst.read_text(encoding="utf-8", errors="replace"), headers)
        _in_order(check, typst.name, markdown.links, content.links, known)
        _rows(check, typst.name, content, known.entries, in_codes)
        _resolved(check, typst.name, content, markdown)
    _pdf(check, build, markdown, known, in_codes)
    others = [n for n in ("report.docx", "report.tex", "report.md") if (build.folder / n).is_file()]
    if others:
        check.notes.append(f"{', '.join(others)}: by hash only")
    return check


def _levels(check: Check, known: _Known) -> None:
    """Find intervals of another level than the plan's, and ends on the wrong side."""
    for expected in known.entries.values():
        entry, interval = expected.entry, expected.entry.estimate.interval
        if interval is None:
            continue
        if interval.level != expected.level:
            check.disagree(f"ledger.json, {entry.id}", f"the interval's level is {interval.level:g}"
                           f", the plan's {expected.level:g}")  # fmt: skip
        # Percentiles of biased replicates may leave the estimate out.
        biased = "percentile" in interval.method
        if not biased and not interval.low <= (entry.value or 0.0) <= interval.high:
            check.disagree(f"ledger.json, {entry.id}", "the estimate lies outside its interval")


def _resolved(check: Check, file: str, content: Content, source: Content) -> None:
    """Find references that lead nowhere; a name of the data may look like one."""
    named = {words for words, _ in source.unresolved}
    for words, place in content.unresolved:
        if words not in named:
            check.disagree(f"{file}, “{place}”", f"{words} is a reference to nothing")


def _compare(check: Check, file: str, content: Content, known: _Known) -> None:
    for link in content.links:
        if link.kind is None:
            continue
        check.count(f"numbers in {file}")
        _hold(check, f"{file}, “{link.place}”", link, link.text, known)


def _hold(check: Check, place: str, link: Link, text: str, known: _Known) -> None:
    """Hold what is printed for a link against the ledger."""
    if faults := known.faults(link, text):
        check.disagree(f"{place}, {known.name(link)} ({link.kind})",
                       f"says {_one_line(text)!r}: {'; '.join(faults)}")  # fmt: skip


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
    expected, seen = ([plain(link.text) for link in links] for links in (wanted, found))
    check.count(f"numbers in {file}", sum(link.kind is not None for link in wanted))
    codes = SequenceMatcher(None, expected, seen, autojunk=False).get_opcodes()
    if len(expected) == len(seen):  # pair by pair: an edit moves nothing
        codes = [("replace", 0, len(seen), 0, len(seen))]
    for _, i, i_end, j, j_end in codes:
        for k in range(max(i_end - i, j_end - j)):
            link = wanted[i + k] if i + k < i_end else None
            other = found[j + k] if j + k < j_end else None
            if link is None and other is not None:
                check.disagree(f"{file}, “{other.place}”",
                               f"{_one_line(other.text)!r} is no number of report.qmd")  # fmt: skip
            elif link is not None and other is None:
                check.disagree(f"{file}, “{link.place}”, {known.name(link)} ({link.kind})",
                               f"lacks {_one_line(link.text)!r}")  # fmt: skip
            elif link is not None and other is not None and link.kind is not None:
                _hold(check, f"{file}, “{other.place}”", link, other.text, known)


# --- the appendix -----------------------------------------------------------------------


def _rows(
    check: Check, file: str, content: Content, entries: Mapping[str, Expected], cells: _Checks
) -> None:
    for anchor, expected in entries.items():
        row, name = content.rows.get(anchor), expected.entry.id
        if row is None:
            check.disagree(f"{file}, appendix", f"there is no row of {name}")
            continue
        check.count(f"rows in {file}")
        for header, wrong in cells(expected).items():
            said = row.get(header)
            place = f"{file}, appendix, {name}, column {header}"
            if said is None:
                check.disagree(place, "is missing")
            elif fault := wrong(said):
                check.disagree(place, f"says {_one_line(said)!r}: {fault}")


# --- PDF --------------------------------------------------------------------------------


def _pdf(
    check: Check, build: Finished, markdown: Content, known: _Known, cells: _Checks
) -> None:  # fmt: skip
    path = build.folder / "report.pdf"
    content = _read_pdf(check, path) if path.is_file() else None
    if content is None:
        return
    links = [link for link in content.links if not _REFERENCE.match(_unhyphenated(link.text))]
    _in_order(check, path.name, markdown.links, links, known)
    _resolved(check, path.name, content, markdown)
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


def _by_anchor(content: Content, entries: Mapping[str, Expected]) -> dict[str, Mapping[str, str]]:
    """Find the row of each entry by its first cell: the id."""
    anchors = {plain(expected.entry.id): anchor for anchor, expected in entries.items()}
    texts = ((plain(first), cells) for first, cells in content.rows.items())
    return {anchors[text]: cells for text, cells in texts if text in anchors}
