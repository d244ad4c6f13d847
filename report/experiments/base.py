"""What every experiment is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from report.capture.features import Baseline, Features, FloatArray, Problem
from report.capture.findings import problem_of
from report.document.figures import colours
from report.document.parts import Section
from report.ledger.ledger import Entry, Evidence, Family, Ledger
from report.ledger.lineage import selector
from report.study.faults import Fault
from report.study.published import ACCEPTED, Rows
from report.study.settings import Plan, rng_for
from report.study.study import Cohort, Model, Study
from stats.draws import BLOCK, Draw, Drawn, DrawnRows


def unit_of(data: StudyData, level: str) -> str:
    """Say what is compared at a level, ``"published"`` or a cohort's key: models or conditions."""
    cohorts = data.study.cohorts
    return next((c.unit for c in cohorts if c.key == level), cohorts[0].unit)


class Draws:
    """The random draws of a study: made once a model, used by each of its tests.

    What is small or used again is kept, as far as there is room; else it is drawn again, the same.

    Parameters
    ----------
    plan : Plan
    room : int
        Bytes.
    """

    def __init__(self, plan: Plan, room: int = 1 << 28) -> None:
        self._plan, self._room = plan, room
        self._made: dict[str, DrawnRows] = {}

    def counts(self, name: str, n: int) -> DrawnRows:
        """Return bootstrap counts, shape (n_resamples, n)."""
        from stats.resampling import draw_counts

        return self._drawn(f"counts.{name}.{n}", n, draw_counts)

    def permutations(self, name: str, n: int) -> DrawnRows:
        """Return permutations of ``range(n)``, shape (n_resamples, n)."""
        from stats.resampling import draw_permutations

        return self._drawn(f"permutations.{name}.{n}", n, draw_permutations)

    def _drawn(self, name: str, n: int, draw: Draw) -> DrawnRows:
        size, made = self._plan.n_resamples, self._made.get(name)
        worth_keeping = made is not None or n * size <= BLOCK
        if made is None:
            made = Drawn.at_random(n, size, draw, lambda: rng_for(self._plan.seed, name))
        if isinstance(made, Drawn) and worth_keeping and made.most_bytes <= self._room:
            made = made.compact()
            self._room -= made.nbytes
        self._made[name] = made
        return made


@dataclass(frozen=True)
class StudyData:
    """One study with its features and draws: what an experiment analyses.

    ``faults`` is what is wrong with its own files.
    """

    study: Study
    features: Features
    faults: Sequence[Fault] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong with the inputs: tables and claims first, then the captures."""
        return (*map(problem_of, self.faults), *self.features.problems)

    @property
    def plan(self) -> Plan:
        """The study's analysis plan."""
        return self.study.plan

    @property
    def evidence(self) -> Evidence:
        """Evidence level of what comes from captures."""
        if self.study.synthetic:
            return "simulated"
        return "features" if self.features.origin == "features" else "raw"

    @property
    def ci_name(self) -> str:
        """The plan's intervals as a table's header calls them: ``95% CI``."""
        return f"{self.plan.ci_level * 100:g}% CI"

    @property
    def ci_words(self) -> str:
        """The plan's intervals as a caption calls them."""
        return f"{self.plan.ci_level * 100:g}% confidence interval"

    @property
    def drawn(self) -> dict[str, Any]:
        """What an entry says of its random numbers."""
        return {"seed": self.plan.seed, "n_resamples": self.plan.n_resamples}

    @cached_property
    def draws(self) -> Draws:
        """The shared random draws."""
        return Draws(self.plan)

    @cached_property
    def colours(self) -> dict[str, str]:
        """One colour a model."""
        return colours(self.study)

    def published(self, table: str) -> Rows:
        """Return the rows of a transcribed table, in the study's order of models."""
        order = {model.key: i for i, model in enumerate(self.study.models)}
        return sorted(self.study.published.get(table, []), key=lambda row: order[row["model"]])

    def source(self, table: str, column: str, **where: object) -> str:
        """Name a column of one of the study's tables, as it is used."""
        folder, _, name = table.rpartition("/")
        if folder == "published" and name in self.study.transcribed.mended:
            table = f"{folder}/{ACCEPTED}/{name}"
        return selector(self.study.id, table, column, **where)

    def rng(self, name: str) -> np.random.Generator:
        """Make the generator of one entry."""
        return rng_for(self.plan.seed, name)


@dataclass(frozen=True)
class Analysis:
    """The numbers of one experiment in one study, before correction."""

    entries: Sequence[Entry] = ()
    families: Sequence[Family] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Subject:
    """The models of one cohort that have a baseline capture, in the study's order.

    Parameters
    ----------
    cohort : Cohort
    models : tuple of Model
    baselines : tuple of Baseline
    expected : tuple of Model
        All of the cohort that should have one, also those whose baseline can't be used.
    """

    cohort: Cohort
    models: tuple[Model, ...]
    baselines: tuple[Baseline, ...]
    expected: tuple[Model, ...]

    @property
    def with_entropy(self) -> Subject:
        """Those models whose generation entropy is known."""
        return self.only([m for m, b in self.members() if b.has_entropy])

    def only(self, models: Sequence[Model]) -> Subject:
        """Choose some of the models, in the order given."""
        by_key = {m.key: b for m, b in self.members()}
        return replace(self, models=tuple(models), baselines=tuple(by_key[m.key] for m in models))

    def members(self) -> Iterator[tuple[Model, Baseline]]:
        """Iterate over models with their baselines."""
        return zip(self.models, self.baselines, strict=True)

    def matched(
        self, values: Callable[[Baseline], FloatArray]
    ) -> tuple[tuple[str, ...], FloatArray]:
        """Line up one value a question over the models, matched by the question's text.

        Returns
        -------
        questions : tuple of str
            Those that every model answered with a finite value, in the first model's order.
        table : ndarray, shape (n_questions, n_models)
        """
        columns = [
            {text: value for text, value in zip(b.questions, values(b), strict=True)
             if np.isfinite(value)}
            for b in self.baselines
        ]  # fmt: skip
        common = tuple(q for q in columns[0] if all(q in column for column in columns))
        table = np.array([[column[q] for column in columns] for q in common], dtype=np.float64)
        return common, table.reshape(len(common), len(columns))


def subjects(data: StudyData) -> tuple[Subject, ...]:
    """Return the cohorts of which there are captures."""
    found: list[Subject] = []
    for cohort in data.study.cohorts:
        expected = [m for m in data.study.cohort_models(cohort.key) if m.in_baseline]
        models = tuple(m for m in expected if m.key in data.features.baselines)
        if models:
            baselines = tuple(data.features.baselines[m.key] for m in models)
            found.append(Subject(cohort, models, baselines, tuple(expected)))
    return tuple(found)


def figure_file(data: StudyData, name: str, level: str) -> str:
    """Return the file of a figure, without its ending: the study's own name for it.

    Parameters
    ----------
    data : StudyData
    name : str
    level : str
        ``"published"``, or the key of a cohort: it is part of the name where there are captures
        of several.
    """
    captured = (*data.features.baselines, *data.features.calibrations)
    several = len({data.study.model(key).cohort for key in captured}) > 1
    return f"{data.study.id}/{name}" + (f"_{level}" * (several or level == "published"))


class Experiment(Protocol):
    """A module of ``report.experiments``."""

    SLUG: str
    TITLE: str

    def analyse(self, data: StudyData) -> Analysis:
        """Compute the experiment's numbers for one study."""
        ...

    def present(
        self, studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
    ) -> Section:
        """Describe what the document says about them; ``arrays`` by study id."""
        ...


def slug(key: str) -> str:
    """Turn a key into the form that ids have: lower case with hyphens."""
    return key.replace("_", "-").replace(" ", "-").lower()


def entry_id(*parts: str) -> str:
    """Join the parts of an entry's id."""
    return ".".join(slug(part) for part in parts)
