"""Checks of files: hashes of inputs and outputs, and tables and values against the ledger."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from report.audit.finished import Finished, inside
from report.audit.schema import StudyFields
from report.audit.verify.documents import plain
from report.audit.verify.findings import Check
from report.capture.feature_files import SHIPPED
from report.document.outputs import values_of
from report.document.tables import tex
from report.ledger import format as fmt
from report.ledger.format import escape
from report.ledger.ledger import Ledger
from report.study.study import Study, load_study
from report.study.texts import csv_cell


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def hashes(build: Finished, studies: Sequence[Path]) -> Check:
    """Hash what the manifest lists: outputs, and inputs as far as they can be reached.

    Parameters
    ----------
    build : Finished
    studies : sequence of Path
        Study folders, the later one where two hold the same study; those of studies that are
        not in the build are ignored.

    Raises
    ------
    InputError
        If one of them can't be read as a study.
    """
    check = Check("Inputs and outputs have the recorded hashes")
    converted: list[str] = []
    for name, recorded in build.manifest.outputs.items():
        path = inside(build.folder, name)
        if not path.is_file():
            check.disagree(name, "the manifest lists it, but it is missing")
            continue
        check.count("outputs")
        if _sha256(path) == recorded:
            continue
        if _differs_by_line_ends(path, recorded):
            converted.append(name)
        else:
            check.disagree(name, "is not the file that the build wrote")
    held = {study.id: study for study in map(load_study, studies)}
    for study in build.manifest.studies:
        _inputs(check, build, study, held.get(study.id), converted)
    if converted:
        more = f" and {len(converted) - 3} more" if len(converted) > 3 else ""
        check.disagree(
            f"{', '.join(converted[:3])}{more}",
            "differ from what the build wrote or read by their line ends alone, as after a"
            " checkout by Git on Windows: check out again with `git config core.autocrlf false`",
        )
    return check


def _differs_by_line_ends(path: Path, recorded: str) -> bool:
    """Whether a file has the recorded hash with the line ends of another system."""
    plain_ends = path.read_bytes().replace(b"\r\n", b"\n")
    either = (plain_ends, plain_ends.replace(b"\n", b"\r\n"))
    return any(hashlib.sha256(content).hexdigest() == recorded for content in either)


def _inputs(
    check: Check,
    build: Finished,
    study: StudyFields,
    held: Study | None,
    converted: list[str],
) -> None:
    copy, unread = build.folder / "data" / study.id, 0
    homes = [copy] if held is None else [copy, held.folder, held.raw_folder]
    for item in study.inputs:
        found = [path for home in homes if (path := _kept(home, item.file)).is_file()]
        unread += not found
        check.count("inputs", bool(found))
        for path in found:
            if _sha256(path) == item.sha256:
                continue
            if item.sha256 and _differs_by_line_ends(path, item.sha256):
                converted.append(f"{study.id}: {item.file}")
            else:
                where = "the build's copy" if path.is_relative_to(copy) else str(path)
                check.disagree(f"{study.id}: {item.file}",
                               f"the input has changed since the build ({where})")  # fmt: skip
    if unread:
        check.notes.append(
            f"{unread} input{'s' * (unread != 1)} of {study.id} not re-read: no captures here"
            " (name the study's folder with --study)"
        )


def _kept(home: Path, name: str) -> Path:
    """Return where a file is kept: what a build does not use as it was shipped is put apart."""
    path = home / name
    shipped = path.parent / SHIPPED / path.name
    return shipped if path.parent.name == "features" and shipped.is_file() else path


# --- tables and values ------------------------------------------------------------------


def derived(build: Finished) -> Check:
    """Compare tables, values and the CSV form of the ledger with the ledger."""
    check = Check("Tables, values and ledger agree")
    _ledger_csv(check, build)
    _values(check, build)
    _tables(check, build)
    return check


def _read(check: Check, build: Finished, name: str) -> str | None:
    try:
        return inside(build.folder, name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        check.disagree(name, f"can't be read: {error}")
        return None


def _ledger_csv(check: Check, build: Finished) -> None:
    text = _read(check, build, "ledger.csv")
    if text is None:
        return
    try:
        found, wanted = (
            {row["id"]: row for row in csv.DictReader(io.StringIO(t, newline=""))}
            for t in (text, build.ledger.to_csv())
        )
    except (csv.Error, KeyError) as error:
        check.disagree("ledger.csv", f"can't be read as a ledger ({error})")
        return
    for name in wanted.keys() | found.keys():
        one, other = found.get(name), wanted.get(name)
        if one is None or other is None:
            where = "ledger.json" if other else "ledger.csv"
            check.disagree(f"ledger.csv, {name}", f"stands only in {where}")
            continue
        check.count("ledger rows")
        for column in one.keys() | other.keys():
            if one.get(column) != other.get(column):
                check.disagree(
                    f"ledger.csv, {name}, {column}",
                    f"{one.get(column)!r}, but {other.get(column)!r} in ledger.json",
                )


def _values(check: Check, build: Finished) -> None:
    wanted = {f"{name}.{aspect}": text for name, aspects in values_of(build.ledger).items()
              for aspect, text in aspects.items()}  # fmt: skip
    readers = {
        "values.json": lambda text: dict(_leaves(json.loads(text))),
        "_variables.yml": lambda text: dict(_leaves(json.loads(text))),
        "values.tex": lambda text: dict(
            re.findall(r"^\\@namedef\{stat@([^}]*)\}\{(.*)\}$", text, re.MULTILINE)
        ),
    }
    for file, reader in readers.items():
        text = _read(check, build, file)
        if text is None:
            continue
        try:
            found: dict[str, str] = reader(text)
        except ValueError as error:
            check.disagree(file, f"can't be read: {error}")
            continue
        check.count("values", len(wanted))
        for name in wanted.keys() | found.keys():
            expected = wanted.get(name)
            if expected is not None and file == "values.tex":
                expected = tex(expected)
            if found.get(name) != expected:
                check.disagree(f"{file}, {name}", f"{found.get(name)!r}, but the ledger gives "
                               f"{expected!r}")  # fmt: skip


def _leaves(tree: Mapping[str, Any], *above: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, *above, key)
        else:
            yield ".".join((*above, key)), value


# An escaped bracket begins no link.
_CELL_LINK = re.compile(
    r'\\.|\[(?:\\.|[^\]\\])*\]\(#(row-[^)\s]+)\)\{\.stat data-kind="([^"]*)"[^}]*\}'
)


def _tables(check: Check, build: Finished) -> None:
    """Compare each CSV table with the document's, its numbers taken from the ledger."""
    text = _read(check, build, "report.qmd")
    if text is None:
        return
    expected = dict(document_tables(text, build.ledger))
    paths = sorted((build.folder / "tables").glob("*.csv"))
    for path in paths:
        name = f"tables/{path.name}"
        if path.stem not in expected:
            check.notes.append(f"{name} is not in the document")
            continue
        source = _read(check, build, name)
        try:
            rows = [] if source is None else list(csv.reader(io.StringIO(source, newline="")))[1:]
        except csv.Error as error:
            check.disagree(name, f"can't be read ({error})")
            continue
        wanted = expected[path.stem]
        if len(rows) != len(wanted):
            check.disagree(name, f"{len(rows)} rows, {len(wanted)} in the document")
        for i, (row, cells) in enumerate(zip(rows, wanted, strict=False), start=1):
            check.count("table cells", len(cells))
            for j, (cell, should) in enumerate(zip(row, cells, strict=False), start=1):
                if plain(cell) != plain(str(csv_cell(should))):
                    check.disagree(
                        f"{name}, row {i} ({row[0]}), column {j}",
                        f"{cell!r}, but the ledger gives {should!r}",
                    )
    check.notes.append("tables in other formats than CSV are checked by their hash")


def document_tables(text: str, ledger: Ledger) -> Iterator[tuple[str, list[list[str]]]]:
    """Read the tables of ``report.qmd``: label and rows, their numbers taken from the ledger."""
    entries = {entry.anchor: entry for entry in ledger}
    families = {family.anchor: family for family in ledger.families.values()}

    def shown(found: re.Match[str]) -> str:
        anchor, kind = found.groups()
        if anchor is None:
            return found[0]
        if (entry := entries.get(anchor)) is not None:
            return escape(fmt.show(entry, kind))  # its marks must survive `_bare`
        if (family := families.get(anchor)) is not None:
            return escape(fmt.tally(family.m, ledger.survivors(family), kind))
        return "(no such row)"

    block: list[str] = []
    for line in text.splitlines():
        if line.startswith("|"):
            block.append(line)
        elif caption := re.match(r": .*\{#tbl-([\w-]+)[^{}]*\}$", line):
            rows = [re.split(r"(?<!\\)\|", row.strip().strip("|")) for row in block[2:]]
            yield caption[1], [[_bare(_CELL_LINK.sub(shown, cell)) for cell in row] for row in rows]
            block = []
        elif line.strip():
            block = []


def _bare(cell: str) -> str:
    """Strip the Markdown of a cell: emphasis, marks of notes, and references to sections."""
    cell = re.sub(r"\[(§[^\]]*)\]\(#sec-[\w-]+\)", r"\1", cell)
    without = re.sub(r"(?<!\\)\^[a-z]\^|(?<!\\)[*`]", "", cell)
    return re.sub(r"\\(.)", r"\1", without).strip()
