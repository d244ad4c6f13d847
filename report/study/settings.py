"""The analysis plan: what was decided before any number was seen."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

from report.study.fields import Fields, Resamples, Seed, Share


class Plan(Fields):
    """The ``[plan]`` table of a ``study.toml``.

    Parameters
    ----------
    seed : int
        Root of every random number of the study.
    alpha : float
        Error rate of every family.
    decision : {"bh", "holm", "by", "maxt"}
        The rule that decides; the others stand beside it.
    n_resamples : int
        Bootstrap resamples and random permutations, each.
    ci_level : float
    open_order : float
        Share of pairs of questions whose order missing probability mass may leave open; beyond
        it a rank correlation with entropy is not identified.
    """

    seed: Seed
    alpha: Share = 0.05
    decision: Literal["bh", "holm", "by", "maxt"] = "bh"
    n_resamples: Resamples = 10_000
    ci_level: Share = 0.95
    open_order: Share = 0.1


def rng_for(seed: int, name: str) -> np.random.Generator:
    """Make the generator that belongs to one name under one seed.

    It depends on nothing else, so adding an entry to a study moves no other number.

    Parameters
    ----------
    seed : int
        The plan's seed.
    name : str
        The entry's id, or the name of a set of draws that several entries share.
    """
    digest = hashlib.sha256(name.encode()).digest()
    words = np.frombuffer(digest, dtype=np.uint32)
    return np.random.default_rng([seed, *words.tolist()])
