"""What is wrong with a study's own files, and what it costs: never the build."""

from __future__ import annotations

from dataclasses import dataclass

from report.study.errors import InputError


@dataclass(frozen=True)
class Fault:
    """Something wrong with a table, the claims or the to-do list of a study.

    Parameters
    ----------
    error : InputError
        Names the file, the field, the problem and the remedy.
    costs : str
        What is missing because of it, in words; ``""`` if nothing.
    """

    error: InputError
    costs: str
