"""The one way in which the text files of a study are read, and their text is shown."""

from __future__ import annotations

import codecs
import csv
import io
import re
import tomllib
from pathlib import Path

from report.study.errors import InputError

LFS_POINTER = b"version https://git-lfs"
_LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Control characters, halves of surrogate pairs, and what turns the direction of a line.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_FORMULA = ("=", "+", "-", "@", "\t")
_NUMBERS = re.compile(r"[-+]?[\d.][\d.,;\s\[\]()%–×†-]*(e[-+]?\d+)?")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def visible(text: str) -> str:
    r"""Write text from data on one line, and what can't be seen as a code.

    An escape character, which a terminal would obey, becomes ``\x1b``. Letters, signs and emoji
    stay as they are.
    """
    return _UNSEEN.sub(
        lambda found: found[0].encode("unicode_escape").decode("ascii"),
        _LINE_BREAKS.sub(" ", text),
    )


def csv_cell(value: object) -> object:
    """Return what stands in a cell of a CSV file: text that no spreadsheet takes for a formula.

    Such text gets an apostrophe before it, as OWASP advises against CSV injection. A carriage
    return becomes a space: Python's `csv` would leave it unquoted.
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ")
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBERS.fullmatch(text) else text


_GUARDED = re.compile(r"'*[=+\-@\t]")


def guarded(text: str) -> str:
    """Write a text of a CSV file that is read back so that no spreadsheet takes it for a formula.

    `unguarded` gives it back. Unlike `csv_cell`, it makes no difference between texts.
    """
    return f"'{text}" if _GUARDED.match(text) else text


def unguarded(text: str) -> str:
    """Give back what `guarded` was given."""
    return text[1:] if text.startswith("'") and _GUARDED.match(text) else text


def check_regular(path: Path) -> None:
    """Refuse a pipe, a device, a socket or a folder, without opening it.

    Raises
    ------
    InputError
        If the path is there and is no regular file.
    """
    if path.exists() and not path.is_file():
        raise InputError(
            path, "", "is no regular file (a pipe, a device, a socket or a folder)",
            "Put the file itself in its place.",
        )  # fmt: skip


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark; line ends stay as they are.

    Raises
    ------
    InputError
        If it can't be read, is a Git LFS pointer, or is in another encoding.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)  # without the path, which is this machine's
        raise InputError(path, "", f"can't be read ({why})", "Copy the file again.") from error
    if content.startswith(LFS_POINTER):
        raise InputError(
            path, "", "is a Git LFS pointer, not the file itself", "Run `git lfs pull`."
        )
    if content.startswith(_UTF_16):
        raise InputError(path, "", "is not UTF-8 but UTF-16 or UTF-32", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            path, "", f"is not UTF-8 (byte 0x{content[error.start]:02x} in line {line})",
            "Save it as UTF-8.",
        ) from error  # fmt: skip


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If it can't be read, or is no TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InputError(path, "", f"not valid TOML: {error}", "Correct the line.") from error


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a CSV file: the names of its columns, and each row with the number of its line.

    Raises
    ------
    InputError
        If it can't be read.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(path, "", f"can't be read ({error})", "Save it as UTF-8 CSV.") from error
    return (lines[0][1] if lines else []), lines[1:]


def read_csv(path: Path, *, restval: str | None = None) -> csv.DictReader[str]:
    """Open a CSV file for reading by rows.

    Raises
    ------
    InputError
        If its text can't be read, or two of its columns share a name.
    """
    text = io.StringIO(read_text(path), newline="")
    reader = csv.DictReader(text, restval=restval, strict=True)
    try:
        header = list(reader.fieldnames or ())
    except csv.Error as error:
        raise InputError(path, "", f"can't be read ({error})", "Save it as UTF-8 CSV.") from error
    for column in header:
        if column and header.count(column) > 1:
            raise InputError(
                path, column, "two columns have this name", "Keep one, or rename the other."
            )
    return reader
