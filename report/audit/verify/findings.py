"""What a check hands back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Disagreement:
    """Something that does not agree, and where it stands.

    Parameters
    ----------
    place : str
        File, section, row or entry.
    problem : str
    """

    place: str
    problem: str


@dataclass
class Check:
    """One of the checks: what it looked at and what it found.

    Parameters
    ----------
    title : str
    counts : dict
        How many of what were checked.
    disagreements : list of Disagreement
    notes : list of str
        What could not be checked, and why.
    """

    title: str
    counts: dict[str, int] = field(default_factory=dict[str, int])
    disagreements: list[Disagreement] = field(default_factory=list[Disagreement])
    notes: list[str] = field(default_factory=list[str])

    def count(self, what: str, n: int = 1) -> None:
        """Add to what was checked."""
        self.counts[what] = self.counts.get(what, 0) + n

    def disagree(self, place: str, problem: str) -> None:
        """Record a disagreement."""
        self.disagreements.append(Disagreement(place, problem))
