"""How the fields of a study's own files are checked: nothing is taken for what it is not."""

from __future__ import annotations

import unicodedata
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# What a study may say; `report verify` reads builds by the same bounds.
MOST_RESAMPLES = 1_000_000
MOST_OBSERVATIONS = 10**7
LARGEST = 1e12  # in size; squares of more would leave the range of floats in sums
SEEDS = 2**128
LONGEST_KEY = 100
LONGEST_NAME = 300

T = TypeVar("T")


class Fields(BaseModel):
    """A table of fields: no text for a number, no truth value for one, no field too many."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def seen(text: str) -> str:
    """Return what can be seen of a name: spaces as one, and no characters without width.

    Two names that give the same look the same.

    Examples
    --------
    >>> seen(" Model\u00a0 A\u200b")
    'Model A'
    """
    plain = unicodedata.normalize("NFC", text)
    shown = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    return " ".join(shown.split())


def _named(text: str) -> str:
    if not seen(text):
        raise ValueError("there is nothing to be seen in it")
    return text


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_named)]
"""Text of which something can be seen."""
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=LONGEST_KEY)]
Listed = Annotated[tuple[T, ...], Field(strict=False)]
"""An array of a TOML file."""
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
Resamples = Annotated[int, Field(ge=99, le=MOST_RESAMPLES)]
Share = Annotated[float, Field(gt=0, lt=1)]
"""An error rate or a level of confidence."""
