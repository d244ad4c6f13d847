"""Reading back a document costs seconds: the same bytes are read once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from report.audit.verify import pdf, prose


def of_content(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Remember what was read of a file by its content."""
    known: dict[bytes, Any] = {}

    def remembered(path: Path) -> Any:
        content = path.read_bytes()
        if content not in known:
            known[content] = read(path)
        return known[content]

    return remembered


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """What the readers find depends on the text alone; most tests change one file of a build."""
    of_typst = functools.cache(lambda text, headers: read_typst(text, list(headers)))
    read_typst = prose.read_typst
    with pytest.MonkeyPatch.context() as patch:
        for name in ("read_html", "read_markdown"):
            patch.setattr(prose, name, functools.cache(getattr(prose, name)))
        patch.setattr(prose, "read_typst", lambda text, headers: of_typst(text, tuple(headers)))
        patch.setattr(pdf, "read_pdf", of_content(pdf.read_pdf))
        yield
