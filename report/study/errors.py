"""What can go wrong, as exceptions that name the file, the field and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ReportError(Exception):
    """Base of every error that a user is meant to read."""

    exit_code = 1


class UsageError(ReportError):
    """The command was called in a way that it does not understand."""

    exit_code = 2


class InputError(ReportError):
    """A file of the study can't be used.

    Parameters
    ----------
    path : Path
        The file.
    field : str
        The array, key or column concerned, or ``""``.
    problem : str
        What is wrong with it.
    remedy : str
        What the user can do.
    """

    def __init__(self, path: Path, field: str, problem: str, remedy: str) -> None:
        place = f"{path.name}: {field}" if field else path.name
        super().__init__(f"{place}: {problem}. {remedy}")
        self.path, self.field, self.problem, self.remedy = path, field, problem, remedy


class TemplateError(ReportError):
    """A template asks for something that the analysis does not provide."""


class RenderError(ReportError):
    """The renderer failed; the ledger, tables and figures are on disk all the same."""


class UndisplayableError(RenderError):
    """The PDF's fonts lack characters of the document; the other formats are rendered.

    Parameters
    ----------
    source : str
        The file that was to become the PDF.
    texts : sequence of str
        What can't be displayed.
    """

    def __init__(self, source: str, texts: Sequence[str]) -> None:
        shown = ", ".join(dict.fromkeys(texts))
        super().__init__(f"{source} holds text that the PDF's fonts can't display: {shown}")
        self.texts = tuple(dict.fromkeys(texts))


class MissingToolError(RenderError):
    """A tool that was asked for is not installed."""

    exit_code = 3
