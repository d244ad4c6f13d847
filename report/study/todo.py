"""The to-do items of a study: what it meant to do, and which statistics would answer it.

They stand in ``claims.toml`` as ``[[todo]]``. What became of an item is never written there: it
follows from the ledger. An item that can't be used costs its own row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from report.study.errors import InputError
from report.study.fields import Fields, Listed
from report.study.texts import read_toml
from report.study.words import Statement

Pattern = Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z0-9*-]+)+$")]


class Sentence(Statement):
    """A sentence of the answer to an item.

    Parameters
    ----------
    beside : str
        Id of another study: the sentence stands only in documents that hold it, too.
    """

    beside: str = ""


class Todo(Fields):
    """One item of a study's to-do list.

    Parameters
    ----------
    id : str
    item : str
        As it stands in the source.
    where : str
        Its place in the source.
    answers : tuple of str
        Ids of the ledger, or patterns with ``*``, one for each part of the item. A part is
        answered when an entry of that name has its number.
    text : tuple of Sentence
        The answer in the study's own words, instead of the program's.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    item: str = Field(min_length=1)
    where: str = Field(min_length=1)
    answers: Annotated[Listed[Pattern], Field(min_length=1)]
    text: Listed[Sentence] = ()


def read_todos(folder: Path) -> tuple[tuple[Todo, ...], tuple[InputError, ...]]:
    """Read the to-do items of the study in ``folder``, and what is wrong with the others.

    A file that is missing, or no TOML, holds none: the reader of the claims says so.
    """
    path = folder / "claims.toml"
    try:
        fields = read_toml(path)
    except InputError:
        return (), ()
    rows = fields.get("todo", [])
    if not isinstance(rows, list):
        wrong = InputError(path, "todo", "it is no list of tables", "Begin each with [[todo]].")
        return (), (wrong,)
    good: dict[str, Todo] = {}
    bad: list[InputError] = []
    for number, row in enumerate(cast(list[object], rows), start=1):
        try:
            todo = Todo.model_validate(row)
        except ValidationError as error:
            bad.append(_misfit(path, number, row, error))
            continue
        if todo.id in good:
            bad.append(
                InputError(path, f"todo {todo.id}.id", "another item has this id", "Rename it.")
            )
            continue
        good[todo.id] = todo
    return tuple(good.values()), tuple(bad)


def _misfit(path: Path, number: int, row: object, error: ValidationError) -> InputError:
    """Say which field of which item is wrong, and what would be right."""
    fields = cast(Mapping[str, Any], row) if isinstance(row, dict) else {}
    first = error.errors()[0]
    field = ".".join(str(part) for part in (f"todo {fields.get('id') or number}", *first["loc"]))
    kind = first["type"]
    if kind == "missing":
        return InputError(path, field, "the field is missing", "Add it.")
    if kind == "extra_forbidden":
        known = ", ".join(Todo.model_fields)
        remedy = f"Remove it: an item has {known}, and its state follows from the ledger."
        return InputError(path, field, "there is no such field here", remedy)
    if kind == "string_pattern_mismatch":
        remedy = "Write the id of an entry of the ledger; * stands for anything."
        if field.endswith(".id"):
            remedy = "Use small letters, digits and hyphens."
        return InputError(path, field, f"{first['input']!r} can't be used", remedy)
    problem = first["msg"]
    return InputError(path, field, problem[:1].lower() + problem[1:], "Correct the field.")
