"""Sentences of two documents, from the source as pandoc reads it."""

from __future__ import annotations

import difflib
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any, cast

from report.audit.diff.changes import Sentence
from report.audit.finished import Finished, inside
from report.audit.verify.documents import text_of

_LONGEST = 300.0  # seconds that pandoc may take to read one source
_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z“(\d])")
_TEXT = frozenset({"Para", "Plain"})
_SUPPLEMENT = re.compile(r"app-|(?:sec-)?(?:appendix|supplement)")

Said = tuple[str, str]


def sentences(old: Finished, new: Finished) -> list[Sentence]:
    """Return the sentences of one document that the other has not, paired where they are akin.

    Tables are compared cell by cell elsewhere, and the appendix lists the entries again.

    Raises
    ------
    OSError, ValueError, subprocess.SubprocessError
        If there is no pandoc, or it can't read a source.
    """
    sources = [inside(build.folder, "report.qmd").read_bytes() for build in (old, new)]
    if sources[0] == sources[1]:
        return []
    before, after = map(_said, sources)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found: list[Sentence] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            found += _paired(before[a:b], after[c:d])
    return found


def _paired(old: list[Said], new: list[Said]) -> Iterator[Sentence]:
    """Pair each old sentence with the most alike of the new ones, if it is alike at all."""
    left = list(new)
    for section, sentence in old:
        likeness = [_alike(sentence, text) for _, text in left]
        best = max(likeness, default=0.0)
        match = left.pop(likeness.index(best))[1] if best > 0.5 else None
        yield Sentence(section, sentence, match)
    for section, sentence in left:
        yield Sentence(section, None, sentence)


def _alike(one: str, other: str) -> float:
    """Return the share of words that two sentences have in common, in the same order."""
    matcher = difflib.SequenceMatcher(None, one.split(), other.split(), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() > 0.5 else 0.0


def _said(source: bytes) -> list[Said]:
    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--from=markdown-smart", "--to=json", "--sandbox"]
    done = subprocess.run(command, input=source, capture_output=True, timeout=_LONGEST, check=True)
    tree: dict[str, Any] = json.loads(done.stdout)
    walker = _Prose()
    walker.walk(tree["meta"])
    walker.walk(tree["blocks"])
    return walker.said


class _Prose:
    """Gathers the sentences of pandoc's syntax tree, with their section."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self._section = ""
        self._ended = False

    def walk(self, node: Any) -> None:
        """Gather what stands below a node."""
        if self._ended:
            return
        if isinstance(node, list):
            for child in cast("list[Any]", node):
                self.walk(child)
            return
        if not isinstance(node, dict):
            return
        element = cast("dict[str, Any]", node)
        kind, inside_it = element.get("t"), cast("Any", element.get("c"))
        if kind is None:
            for child in element.values():
                self.walk(child)
        elif kind == "Header":
            self._heading(inside_it)
        elif kind in _TEXT or kind == "MetaInlines":
            text = " ".join(text_of(inside_it).split())
            self.said += [(self._section, part) for part in _END.split(text) if part]
        elif kind == "Table":
            self.walk(inside_it[1])  # the caption
        elif kind not in ("CodeBlock", "RawBlock"):
            self.walk(inside_it)

    def _heading(self, inside_it: Any) -> None:
        level, (name, _, _), words = inside_it
        self._section = " ".join(text_of(words).split())
        self._ended = level == 1 and bool(_SUPPLEMENT.match(name))
        self.said += [] if self._ended else [(self._section, self._section)]
