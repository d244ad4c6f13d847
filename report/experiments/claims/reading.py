"""Reading ``claims.toml``: a claim that can't be used is lost, and the others are judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError, model_validator

from report.experiments.claims.checks import AnyCheck
from report.experiments.claims.evidence import Finding
from report.study.errors import InputError
from report.study.faults import Fault
from report.study.fields import Fields, Listed
from report.study.study import Study
from report.study.texts import read_toml
from report.study.todo import read_todos


class Claim(Fields):
    """One statement of a study.

    Parameters
    ----------
    id : str
    sentence : str
        As it stands in the source.
    where : str
        Section of the source and place in it: ``Experiment 2, key observation 5``.
    checks : tuple
        What must hold, all of it.
    untestable : str
        Why there are no checks.
    reading : str
        How the sentence was understood, where that needs saying.
    expected : Finding or None
        What it should come out as. A claim that should be supported and is not fails.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    sentence: str = Field(min_length=1)
    where: str = Field(min_length=1)
    checks: Listed[AnyCheck] = ()
    untestable: str = ""
    reading: str = ""
    expected: Annotated[Finding | None, Field(strict=False)] = None

    @model_validator(mode="after")
    def _says_how(self) -> Claim:
        if bool(self.checks) == bool(self.untestable):
            raise ValueError("a claim has either checks or a reason why it is untestable")
        return self

    @property
    def section(self) -> str:
        """The part of the source that it stands in."""
        return self.where.split(",")[0]


def read_claims(folder: Path) -> tuple[tuple[Claim, ...], tuple[Fault, ...]]:
    """Read the claims of the study in ``folder``, and what is wrong with the others.

    Parameters
    ----------
    folder : Path
        Need not hold a ``claims.toml``.
    """
    path = folder / "claims.toml"
    if not path.exists():
        return (), ()
    try:
        fields = read_toml(path)
    except InputError as error:
        return (), (Fault(error, "all claims and to-do items of the study"),)
    faults = [
        Fault(InputError(path, key, "there is no such table here",
                         "The file has [[claims]] and [[todo]]; correct the name."),
              f"what stands under {key}")
        for key in fields if key not in ("claims", "todo")
    ]  # fmt: skip
    rows: object = fields.get("claims", [])
    if not isinstance(rows, list):
        wrong = InputError(path, "claims", "it is no list of tables", "Begin each with [[claims]].")
        return (), (*faults, Fault(wrong, "all claims of the study"))
    good: dict[str, Claim] = {}
    for number, row in enumerate(cast(list[object], rows), start=1):
        try:
            claim = Claim.model_validate(row)
        except ValidationError as error:
            faults.append(Fault(_misfit(path, number, row, error), "this claim"))
            continue
        if claim.id in good:
            twice = InputError(
                path, f"claim {claim.id}.id", "two claims have this id", "Rename one."
            )
            faults.append(Fault(twice, "the second of them"))
            continue
        good[claim.id] = claim
    return tuple(good.values()), tuple(faults)


def faults_of(study: Study) -> tuple[Fault, ...]:
    """Return what is wrong with a study's tables, claims and to-do items."""
    todos = (Fault(error, "its row") for error in read_todos(study.folder)[1])
    return (*study.transcribed.faults, *read_claims(study.folder)[1], *todos)


def _misfit(path: Path, number: int, row: object, error: ValidationError) -> InputError:
    fields = cast(Mapping[str, Any], row) if isinstance(row, dict) else {}
    first = error.errors()[0]
    name = fields.get("id")
    named = name if isinstance(name, str) and name else str(number)
    field = ".".join(str(part) for part in (f"claim {named}", *first["loc"]))
    if first["type"] == "missing":
        return InputError(path, field, "the field is missing", "Add it.")
    if first["type"] == "extra_forbidden":
        return InputError(path, field, "there is no such field here", "Correct or remove it.")
    problem = first["msg"].removeprefix("Value error, ")
    return InputError(path, field, problem[:1].lower() + problem[1:], "Correct the claim.")
