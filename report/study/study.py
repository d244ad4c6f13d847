"""A study: its ``study.toml``, its published tables, and where its captures lie."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from report.study.errors import InputError
from report.study.fields import LONGEST_KEY, Fields, Key, Listed, Name, seen
from report.study.published import Published, Rows, read_tables
from report.study.settings import Plan
from report.study.texts import read_toml
from report.study.words import Said


class Author(Fields):
    """One author of the document."""

    name: Name
    affiliation: str = ""


class Axis(Fields):
    """A behavioural axis; its positive pole comes first in the key."""

    key: Key
    positive: Name
    negative: Name

    @property
    def name(self) -> str:
        """The axis as a reader sees it: ``warm–cold``."""
        return f"{self.positive}–{self.negative}"


class Cohort(Fields):
    """Models, or conditions of one model, that may be compared with each other.

    Parameters
    ----------
    key, title : str
    unit : str
        What one of its members is called: ``model`` or ``condition``.
    intervention : str
        What was varied while all else stayed, or ``""`` for an observational cohort.
    """

    key: Key
    title: Name
    unit: Literal["model", "condition"] = "model"
    intervention: str = ""


class Model(Fields):
    """One model, or one condition of it.

    Parameters
    ----------
    key : str
        Stem of its capture files.
    name : str
    short : str
        What fits into a figure; the name where it is not given.
    cohort : str
    parameters : str
    tuning : {"instruct", "base"}
    family : str
        Vendor or model family, for comparisons between base and instruct.
    vocabulary : int or None
        Vocabulary size, for the upper bound of the entropy.
    level : float or None
        Value of the cohort's intervention (a temperature, say).
    in_baseline : bool
        False for a model of which there is only a calibration.
    """

    key: Key
    name: Name
    short: str = ""
    cohort: str
    parameters: str = ""
    tuning: Literal["instruct", "base"] = "instruct"
    family: str = ""
    vocabulary: int | None = Field(default=None, gt=1)
    level: float | None = None
    in_baseline: bool = True

    @property
    def slug(self) -> str:
        """The key as it stands in entry ids."""
        return self.key.replace("_", "-")

    @property
    def label(self) -> str:
        """The name for figures."""
        return self.short or self.name


class OwnAnswer(Fields):
    """An answer that a study words itself, instead of the program.

    The build stops where the ledger no longer says what it says.

    Parameters
    ----------
    question : str
        One of the program's, whose answer it replaces, or one of its own.
    text, rests_on, says
        As in `Statement`: a clause without a full stop.
    number : str
        The number that carries the answer, with ``{{…}}`` as in the text.
    brief : str
        A clause for the abstract, likewise.
    """

    question: Name
    text: str = Field(min_length=1)
    rests_on: Annotated[Listed[str], Field(min_length=1)]
    says: Said
    number: str = ""
    brief: str = ""


def id_of(folder: Path) -> str:
    """Return the id of a new study: the name of its folder, in the characters of an id."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return name[:LONGEST_KEY].strip("-") or "study"


T = TypeVar("T", Axis, Cohort, Model)


def _called(item: Axis | Cohort | Model) -> str:
    return item.title if isinstance(item, Cohort) else item.name


def _a_date(value: object) -> object:
    if isinstance(value, (dt.date, str)):
        return value
    raise ValueError("it is no date, such as 2026-02-28")


class Study(Fields):
    """A study folder, validated. File contents are read when they are needed."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_KEY)
    title: Name
    authors: Listed[Author] = ()
    date: Annotated[dt.date, BeforeValidator(_a_date), Field(strict=False)]
    summary: str = ""
    source: str = ""
    synthetic: bool = False
    plan: Plan
    axes: Annotated[Listed[Axis], Field(min_length=1)]
    cohorts: Listed[Cohort]
    models: Listed[Model]
    answers: Listed[OwnAnswer] = ()
    raw: str = "raw"
    features: str = "features"
    n_questions: int = Field(default=30, gt=1)
    folder: Path = Path()

    @field_validator("axes", "cohorts", "models")
    @classmethod
    def _told_apart(cls, items: tuple[T, ...], info: ValidationInfo) -> tuple[T, ...]:
        for what, said in (
            ("have the key", [item.key for item in items]),
            ("are called", [seen(_called(item)) for item in items]),
        ):
            if twice := sorted({text for text in said if said.count(text) > 1}):
                raise ValueError(
                    f"two [[{info.field_name}]] {what} {twice[0]!r}; give each its own"
                )
        return items

    @model_validator(mode="after")
    def _refer_to_what_is_there(self) -> Study:
        cohorts = {c.key for c in self.cohorts}
        for model in self.models:
            if model.cohort not in cohorts:
                raise ValueError(f"model {model.key} names the unknown cohort {model.cohort!r}")
        return self

    @property
    def raw_folder(self) -> Path:
        """Folder of the captures; may be absent."""
        return self.folder / self.raw

    @property
    def features_folder(self) -> Path:
        """Folder of shipped features; may be absent."""
        return self.folder / self.features

    @cached_property
    def transcribed(self) -> Published:
        """The transcribed tables, with what is wrong with them."""
        models, axes = ({item.key for item in items} for items in (self.models, self.axes))
        return read_tables(self.folder / "published", models, axes)

    @property
    def published(self) -> dict[str, Rows]:
        """The transcribed tables by stem of their file, as rows of strings."""
        return self.transcribed.tables

    @property
    def misaligned(self) -> bool:
        """True where the evidence says that published values rest on wrongly cut answers.

        The evidence is the table ``integrity_models``: printed values that come out over fewer
        questions than were asked, or answers for which the rows run out.
        """
        return any(
            0 < int(row["n_questions_supported"]) < self.n_questions  # 0: a cell that is damaged
            or int(row.get("answers_without_rows") or 0) > 0
            for row in self.published.get("integrity_models", [])
        )

    def model(self, key: str) -> Model:
        """Return the model called ``key``."""
        return next(m for m in self.models if m.key == key)

    def axis(self, key: str) -> Axis:
        """Return the axis called ``key``."""
        return next(a for a in self.axes if a.key == key)

    def cohort_models(self, cohort: str) -> tuple[Model, ...]:
        """Return the models of a cohort, in the study's order."""
        return tuple(m for m in self.models if m.cohort == cohort)


def load_study(folder: Path) -> Study:
    """Read and validate ``folder/study.toml``.

    Raises
    ------
    InputError
        Naming the field that is wrong, and the remedy.
    """
    path = folder / "study.toml"
    if not path.is_file():
        raise InputError(
            path, "", f"there is no study.toml in {folder}",
            "Name a study folder, or make one with `python -m report init DIR`.",
        )  # fmt: skip
    fields = read_toml(path)
    try:
        return Study.model_validate(fields | {"folder": folder})
    except ValidationError as error:
        raise _misfit(path, error) from error


def _misfit(path: Path, error: ValidationError) -> InputError:
    """Say of one field what is wrong; a name that nobody knows explains one that is missing."""
    found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
    field, kind = ".".join(str(part) for part in found["loc"]), found["type"]
    if kind == "missing":
        return InputError(path, field, "the field is missing", "Add it.")
    if kind == "extra_forbidden":
        known = {name for part in (Study, Plan, Axis, Cohort, Model, Author, OwnAnswer)
                 for name in part.model_fields}  # fmt: skip
        near = get_close_matches(str(found["loc"][-1]), sorted(known), n=1)
        remedy = f"Is it {near[0]}? Correct the name" if near else "Correct its name"
        return InputError(path, field, "there is no such field here", f"{remedy}, or remove it.")
    if kind == "string_pattern_mismatch":
        dash = "hyphens" if field == "id" else "underscores"
        return InputError(
            path, field, f"{found['input']!r} can't be used",
            f"Use small letters, digits and {dash} alone.",
        )  # fmt: skip
    if kind == "too_short":
        return InputError(path, field, "there is none", f"Add at least one [[{field}]].")
    problem = found["msg"].removeprefix("Value error, ")
    if kind != "value_error" and isinstance(found["input"], (str, bool, int, float)):
        problem += f", and is {found['input']!r}"
    return InputError(path, field, problem[:1].lower() + problem[1:], "Correct the field.")


def fields_holding(study: Study, characters: frozenset[str]) -> list[str]:
    """Name the fields of ``study.toml`` whose text holds one of some characters.

    Parameters
    ----------
    study : Study
    characters : frozenset of str

    Returns
    -------
    list of str
        As ``models.0.name = "..."``, counted from zero.
    """

    def within(place: str, value: object) -> Iterator[str]:
        if isinstance(value, str) and not characters.isdisjoint(value):
            yield f'{place} = "{value}"'
        elif isinstance(value, dict):
            for key, item in cast("dict[str, object]", value).items():
                yield from within(f"{place}.{key}" if place else key, item)
        elif isinstance(value, list):
            for number, item in enumerate(cast("list[object]", value)):
                yield from within(f"{place}.{number}", item)

    return list(within("", study.model_dump(mode="json", exclude={"folder"})))
