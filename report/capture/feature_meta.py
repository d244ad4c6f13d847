"""``meta.json`` of feature files: what it holds, and the checksums by which an edit shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from report.capture.findings import Findings
from report.study.errors import InputError
from report.study.texts import read_text
from stats.outcome import Reason

FORMAT_VERSION = 1
WRITE_AGAIN = "Write the features again from the captures."
PUT_BACK = "Put the file back as it was, or write the features again from the captures."
COSTS = {
    "questions": "all that needs baseline captures",
    "layers": "activation entropy and all that needs it",
    "spectra": "spectral entropy",
    "positions": "the running entropy",
    "calibration": "the contrasts between poles",
}
"""What rests on each table."""

Text = Annotated[str, Field(max_length=10_000)]
Known = Annotated[str, AfterValidator(lambda text: str(Reason(text)))]
Measured = Literal[
    "layer_entropy",
    "layer_entropy_fixed",
    "layer_entropy_corrected",
    "spectral_entropy",
    "running_entropy",
    "misaligned_entropy",
    "unfiltered",
    "entropy_within",
]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class RowsMeta(_Part):
    """How many rows a table holds of one model, and their SHA-256 as `Checksum` takes it."""

    rows: Annotated[int, Field(ge=0, le=10**7)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BaselineMeta(_Part):
    """What a model's baseline has beside its rows."""

    filtered: bool
    boundaries: Text
    axes: list[Text]
    extras: dict[str, float]
    has: list[Measured]


class CalibrationMeta(_Part):
    """What a model's calibration has beside its rows; older files give no ``limit``."""

    boundaries: Text
    limit: Annotated[int, Field(ge=1)] | None = None
    has: list[Literal["misaligned_entropy"]]


class ProblemMeta(_Part):
    """A problem of the captures, as `report.capture.features.Problem` describes it."""

    file: Text
    field: Text
    problem: Text
    remedy: Text
    reason: Known
    costs: Text
    model: Text
    part: Text
    note: bool = False
    axis: Text = ""


class InputMeta(_Part):
    """A capture that the features were computed from."""

    file: Annotated[str, Field(min_length=1, max_length=500)]
    model: Text
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    arrays: dict[str, dict[str, Any]]


class Meta(_Part):
    """What ``meta.json`` says, by model or one by one; older files give no ``tables``."""

    baselines: dict[str, BaselineMeta]
    calibrations: dict[str, CalibrationMeta]
    problems: list[ProblemMeta]
    inputs: list[InputMeta]
    tables: dict[str, dict[str, RowsMeta]] = {}


class Checksum:
    """The SHA-256 of rows of text, whatever their line ends and quotation marks.

    Each row counts as the line that JSON makes of the list of its cells.

    Parameters
    ----------
    columns : sequence of str
        The names of the columns, which count as the first row.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._digest = hashlib.sha256()
        self._rows = -1
        self.add(columns)

    def add(self, cells: Sequence[str]) -> None:
        """Take up the next row."""
        self._digest.update(json.dumps(list(cells), ensure_ascii=False).encode() + b"\n")
        self._rows += 1

    @property
    def described(self) -> dict[str, Any]:
        """What `RowsMeta` holds of these rows."""
        return {"rows": self._rows, "sha256": self._digest.hexdigest()}


def seal(meta: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that ``meta.json`` says but for its own."""
    content = {key: value for key, value in meta.items() if key != "sha256"}
    written = json.dumps(content, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return hashlib.sha256(written.encode()).hexdigest()


def read_meta(path: Path, findings: Findings) -> Meta:
    """Read ``meta.json``; a part that is not as it should be is left out.

    Parameters
    ----------
    path : Path
    findings : Findings
        Takes what is wrong with the parts, and that there are no checksums.

    Raises
    ------
    InputError
        If it can't be read, or is of another format version.
    """
    try:
        meta = json.loads(read_text(path), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(path, "", f"can't be read ({error})", WRITE_AGAIN) from error
    version = cast("dict[str, Any]", meta).get("version") if isinstance(meta, dict) else None
    if type(version) is not int or version != FORMAT_VERSION:
        raise InputError(
            path, "version", f"is {version!r}, this program reads {FORMAT_VERSION}", WRITE_AGAIN
        )
    content = cast("dict[str, Any]", meta)
    if "sha256" not in content or "tables" not in content:
        findings.problem(
            path,
            "tables",
            "holds no checksums, so that an edit of the tables can't be seen",
            WRITE_AGAIN,
            Reason.DAMAGED_FILE,
            "",
            "baseline",
            note=True,
        )
    elif content["sha256"] != seal(content):
        findings.problem(
            path,
            "",
            "has changed since it was written (its SHA-256 differs)",
            PUT_BACK,
            Reason.DAMAGED_FILE,
            "",
            "baseline",
        )
    return _sound(path, content, findings)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _sound(path: Path, content: dict[str, Any], findings: Findings) -> Meta:
    """Leave out what is not as it should be: an item of a part, or the whole of it."""
    try:
        return Meta.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    bad: dict[str, set[int | str]] = {}
    for found in errors:
        part, *item = found["loc"][:2]
        bad.setdefault(str(part), set()).update(item)
        table = {"baselines": "questions", "calibrations": "calibration"}.get(str(part), "")
        costs = " of ".join((COSTS[table], *map(str, item))) if table else ""
        concerned = Findings(str(item[0])) if table and item else Findings("")
        concerned.problem(
            path,
            ".".join(map(str, found["loc"])),
            f"is not as it was written ({found['msg']})",
            PUT_BACK,
            Reason.DAMAGED_FILE,
            costs,
            "calibration" if table == "calibration" else "baseline",
        )
        findings.problems += concerned.problems
    for part, items in bad.items():
        held: Any = content.get(part)
        if not items:
            content[part] = [] if part in ("problems", "inputs") else {}
        elif isinstance(held, list):
            content[part] = [v for i, v in enumerate(cast("list[Any]", held)) if i not in items]
        else:
            content[part] = {k: v for k, v in held.items() if k not in items}
    return Meta.model_validate(content)
