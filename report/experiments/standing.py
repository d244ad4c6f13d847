"""What stands behind a number: whether it is evidence, and of what kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from report.ledger.ledger import Entry
from report.study.study import Study

_SINGLE_ANSWERS: Mapping[str, frozenset[str]] = {
    "behaviour": frozenset({"rho"}),
    "calibration": frozenset({"delta_nats", "p", "entropy_positive_nats", "entropy_negative_nats"}),
    "generation": frozenset({"entropy_sd_nats", "entropy_median_nats"}),
}
"""Columns of published tables that come from entropies of single answers, by table."""


def on_wrong_rows(entry: Entry, study: Study) -> bool:
    """Tell whether a published number is built on answers that were cut at wrong rows.

    It is where the study's evidence speaks for wrong rows and the number comes from entropies
    of single answers. Means over all answers hardly move, and are not counted.

    Parameters
    ----------
    entry : Entry
    study : Study
        The study that the entry belongs to.
    """
    if not study.misaligned or entry.evidence != "published" or entry.value is None:
        return False
    return any(_of_single_answers(source, study.id) for source in entry.sources)


def _of_single_answers(source: str, study: str) -> bool:
    table, _, column = source.partition("#")
    path = table.partition("?")[0]
    name = path.rpartition("/")[2].removesuffix(".csv")
    return path.startswith(f"data/{study}/published/") and column in _SINGLE_ANSWERS.get(
        name, frozenset()
    )


def any_on_wrong_rows(entries: Iterable[Entry], study: Study) -> bool:
    """Tell whether one of some numbers is built on answers that were cut at wrong rows."""
    return any(on_wrong_rows(entry, study) for entry in entries)
