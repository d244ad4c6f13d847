"""What the files of a finished build may hold: every field that is read, with type and range.

A build may come from a stranger. Nothing is read from it that is not described here, and what
is described is a plain value: text, a finite number within its range, a name of a file inside
the build.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from report.study.errors import InputError
from report.study.fields import LONGEST_KEY, LONGEST_NAME, MOST_OBSERVATIONS, MOST_RESAMPLES, Seed
from report.study.words import Said

MOST_BYTES = 256 * 2**20
"""Largest manifest or ledger that is read."""
AGAIN = "Build the document again, or ask where this one comes from."

_SOURCE = re.compile(r"(?:ledger|claims|data/[^?#]+)\.csv(?:\?[^#]*)?#.+", re.DOTALL)


def plain_path(name: str) -> str:
    """Return a relative path that stays inside its folder.

    Raises
    ------
    ValueError
        If it is absolute, climbs out, or holds what is no part of a plain name.
    """
    parts = name.split("/")
    odd = "\\" in name or "\0" in name or ":" in parts[0]
    if not name or odd or PurePosixPath(name).is_absolute() or {"", ".", ".."} & set(parts):
        raise ValueError(f"{name!r} is no plain name of a file inside the build")
    return name


def _plain_name(name: str) -> str:
    if "/" in name:
        raise ValueError(f"{name!r} is no plain name of a folder")
    return plain_path(name)


def _selector(source: str) -> str:
    if not _SOURCE.fullmatch(source):
        raise ValueError(f"{source!r} is no column of a table inside the build")
    plain_path(source.partition("#")[0].partition("?")[0])
    return source


# A label names up to two models and an axis of two poles; an id, two models and an axis.
Text = Annotated[str, Field(max_length=4 * LONGEST_NAME + 800)]
Name = Annotated[str, Field(min_length=1, max_length=3 * LONGEST_KEY + 200)]
FilePath = Annotated[Name, AfterValidator(plain_path)]
Selector = Annotated[str, Field(max_length=4_000), AfterValidator(_selector)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Probability = Annotated[Number, Field(gt=0, le=1)]
Level = Annotated[Number, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0, le=100 * MOST_OBSERVATIONS)]
Resamples = Annotated[int, Field(ge=1, le=MOST_RESAMPLES)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Rule = Literal["bh", "holm", "by", "maxt"]


T = TypeVar("T", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class PlanFields(_Strict):
    """The plan of a study, as the manifest holds it."""

    seed: Seed
    alpha: Level
    ci_level: Level
    n_resamples: Resamples
    decision: Rule = "bh"
    open_order: Level = 0.1


class InputFile(_Strict):
    """A file that a study's numbers come from; one that could not be read has no hash."""

    file: FilePath
    sha256: Sha256 | Literal[""]


class StudyFields(_Strict):
    """A study of the build."""

    id: Annotated[Name, AfterValidator(_plain_name)]
    plan: PlanFields
    inputs: list[InputFile]


class Rendering(_Strict):
    """With what the document was rendered."""

    renderer: Name = "not recorded"
    versions: dict[Name, Text] = {}
    quick: bool = False

    def shown(self) -> dict[str, str]:
        """Return it as words: renderer, tools, and whether it was a first look."""
        first_look = {"quick": "yes" if self.quick else "no"}
        return {"renderer": self.renderer} | first_look | self.versions


class Manifest(_Strict):
    """``manifest.json``.

    ``code`` holds a hash by folder of the program; builds that are older have none.
    """

    studies: list[StudyFields]
    versions: dict[Name, Text]
    code: dict[Name, Sha256] = {}
    rendering: Rendering = Rendering()
    outputs: dict[FilePath, Sha256]


class VerdictRow(_Strict):
    """One verdict of ``claims.json``."""

    study: Name
    id: Name
    sentence: Annotated[str, Field(max_length=20_000)]
    where: Text
    verdict: Literal[
        "contradicted", "not supported", "not testable", "open: wrong rows", "supported"
    ]
    expected: Text
    evidence: Annotated[str, Field(max_length=20_000)]


class ClaimsFile(_Strict):
    """``claims.json``."""

    claims: list[VerdictRow]


class GradeRow(_Strict):
    """What one side of an answer rests on."""

    of: Text
    says: Said
    rests_on: Annotated[list[Name], Field(max_length=10_000)]


class AnswerRow(_Strict):
    """One answer of ``answers.json``."""

    question: Text
    experiment: Name
    study: Name
    cohort: Name
    published: bool
    sentence: Annotated[str, Field(max_length=20_000)]
    number: Annotated[str, Field(max_length=20_000)]
    evidence: Annotated[list[GradeRow], Field(min_length=1)]


class AnswersFile(_Strict):
    """``answers.json``."""

    answers: list[AnswerRow]


class Row(_Strict):
    """One row of ``ledger.json``."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    id: Annotated[Name, Field(pattern=r"^[^\s/\\]+$")]
    experiment: Name
    family: Name | None
    evidence: Literal["raw", "features", "published", "simulated"]
    cohort: Name
    model: Name | None
    axis: Name | None
    layer: Count | None
    quantity: Name
    label: Text
    unit: Text
    method: Text
    n: Count
    estimate: Number | None
    ci_low: Number | None
    ci_high: Number | None
    ci_level: Level | None
    ci_method: Name | None
    ci_note: Text | None
    ci_undefined_share: Share | None
    ci_reason: Name | None
    statistic: Number | None
    p: Probability | None
    p_method: Name | None
    p_floor: Probability | None
    p_adjusted: dict[Rule, Probability]
    rejected: bool | None
    reason: Name | None
    n_resamples: Resamples | None
    seed: Seed | None
    sources: Annotated[list[Selector], Field(max_length=10_000)]

    @model_validator(mode="after")
    def _whole_interval(self) -> Row:
        parts = (self.ci_low, self.ci_high, self.ci_level, self.ci_method)
        if len({part is None for part in parts}) > 1:
            raise ValueError("an interval has both ends, a level and a method, or none of them")
        return self


class FamilyRow(_Strict):
    """One family of ``ledger.json``."""

    id: Name
    title: Text
    method: Rule
    alpha: Level
    m: Count
    members: list[Name]


class LedgerFile(_Strict):
    """``ledger.json``."""

    entries: list[Row]
    families: list[FamilyRow]


class _Key(_Strict):
    key: Name


class _Model(_Key):
    cohort: Name


class StudyFile(_Strict):
    """What a second path reads of the copy of a ``study.toml``."""

    cohorts: list[_Key]
    axes: list[_Key] = []
    models: list[_Model]


def checked(kind: type[T], value: Any, path: Path) -> T:
    """Return what a file holds as ``kind``.

    Raises
    ------
    InputError
        The message names file and field.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(path, where, str(first["msg"]), AGAIN) from error
    except RecursionError as error:
        raise InputError(path, "", "it is nested too deep", AGAIN) from error
