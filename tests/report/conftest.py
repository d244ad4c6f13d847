"""Small finished builds for the tests that read one, and study folders in the making."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import importlib.metadata
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from report import pipeline
from report.capture.extract import extract
from report.capture.features import Features
from report.document import figures, outputs
from report.pipeline import Options, Results, build, compute
from report.study.study import load_study
from report.synthetic.simulate import simulate

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data" / "smollm2"
EVERY = figures.FORMATS
SOLVED = figures.LAYOUT
READERS = (ROOT / "report" / "audit", ROOT / "report" / "cli")

Fields = dict[str, Any]
Make = Callable[[Path], None]


# --- what is made once ----------------------------------------------------------------------


def digest(files: Iterable[Path], root: Path) -> str:
    """Hash the names and contents of files."""
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _of_folder(folder: Path) -> str:
    return digest((path for path in folder.rglob("*") if path.is_file()), folder)


@pytest.fixture(scope="session")
def made_once(pytestconfig, tmp_path_factory) -> Callable[[str, Make], Path]:
    """Make a folder once, for all workers and later runs, until what it is made from changes.

    It is made from code, templates, data and the installed packages; the rooms that read what
    is made (`READERS`) don't count. Who finds another content than was made makes it again: a
    test must not change it, and may copy it.
    """
    folders = [ROOT / name for name in ("report", "stats", "templates", "data")]
    paths = [p for f in folders for p in f.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    files = [p for p in paths if not any(p.is_relative_to(room) for room in READERS)]
    packages = sorted(f"{d.name} {d.version}" for d in importlib.metadata.distributions())
    code = digest([*files, Path(__file__)], ROOT) + sys.version + "\n".join(packages)
    key = hashlib.sha256(code.encode()).hexdigest()[:16]
    cache = getattr(pytestconfig, "cache", None)
    store = cache.mkdir("made") if cache else tmp_path_factory.mktemp("made")

    def made(name: str, make: Make) -> Path:
        folder, seal = store / key / name, store / key / f"{name}.sha256"
        with FileLock(store / f"{name}.lock"):
            for old in store.iterdir():
                if old.is_dir() and old.name != key:
                    shutil.rmtree(old, ignore_errors=True)
            if seal.is_file() and seal.read_text() == _of_folder(folder):
                return folder
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            seal.write_text(_of_folder(folder))
        return folder

    return made


@pytest.fixture(scope="session", autouse=True)
def _sparing() -> Iterator[None]:
    """Let builds draw figures once, as the panels come, and write no table through pandoc."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "FORMATS", ("svg",))
        patch.setattr(figures, "LAYOUT", None)
        patch.setattr(pipeline, "TABLES", ("csv", "md", "latex"))
        yield


@pytest.fixture
def every_format(monkeypatch) -> None:
    """Let builds write what they write for users."""
    monkeypatch.setattr(figures, "FORMATS", EVERY)
    monkeypatch.setattr(figures, "LAYOUT", SOLVED)
    monkeypatch.setattr(pipeline, "TABLES", outputs.TABLE_FORMATS)


@pytest.fixture
def numbers_only(monkeypatch) -> None:
    """Let builds draw no figure; the numbers of heat maps are written."""
    monkeypatch.setattr(figures, "FORMATS", ())


@pytest.fixture(scope="session")
def features_cache(made_once, tmp_path_factory) -> Path:
    """A cache that holds the features of the shipped captures; each worker has its own."""
    made = made_once("features", lambda folder: extract(load_study(SHIPPED), cache=folder))
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("cache") / "features"))


@pytest.fixture(scope="session")
def shipped_features(features_cache) -> Features:
    """The features of the shipped captures."""
    return extract(load_study(SHIPPED), cache=features_cache)


def _damage(name: str, answers: Fields, arrays: dict[str, np.ndarray]) -> None:
    """Do to a sound capture of 30 questions what a name says; one of its axes is constant."""
    answers["axes"]["confident_cautious"]["values"] = [-1.0] * 30
    if name == "offsets_past_end":
        arrays["token_offsets"][-1] += 500
    elif name == "json_29_questions":
        answers["n_questions"] = 29
        answers["responses"].pop()
        for axis in answers["axes"].values():
            axis["values"].pop()
    elif name == "nan_logprobs":  # all rows of question 3, some of question 7
        edges = arrays["token_offsets"]
        arrays["top_k_logprobs"][edges[3] : edges[4]] = np.nan
        arrays["top_k_logprobs"][edges[7] : edges[7] + 5, :10] = np.nan
    elif name == "constant_axis":
        answers["axes"]["formal_casual"]["values"] = [0.25] * 30
    elif name == "object_array":
        arrays["decay_states"] = np.array([None, *arrays["decay_states"][1:, 0]], dtype=object)


DAMAGE = ("truncated_npz", "offsets_past_end", "json_29_questions", "nan_logprobs",
          "constant_axis", "object_array")  # fmt: skip


@pytest.fixture(scope="session")
def damaged_capture(made_once) -> Callable[[str], Path]:
    """A folder with one capture, ``smollm2_135m``, that is damaged in the way that is named."""
    stem = SHIPPED / "raw" / "smollm2_135m_t07_baseline"

    def make(folder: Path) -> None:
        kept = ("decay_states", "top_k_logprobs", "generation_times")
        for name in DAMAGE:
            answers = json.loads(stem.with_name(f"{stem.name}.json").read_text("utf-8"))
            counts = [row["n_tokens"] for row in answers["responses"]]
            with np.load(stem.with_name(f"{stem.name}_hidden_states.npz")) as archive:
                arrays = {key: archive[key] for key in kept}
            arrays["token_offsets"] = np.cumsum([0, *counts])
            _damage(name, answers, arrays)
            (folder / name).mkdir()
            npz = folder / name / "smollm2_135m_baseline_hidden_states.npz"
            np.savez_compressed(npz, **arrays)
            if name == "truncated_npz":
                content = npz.read_bytes()
                npz.write_bytes(content[: len(content) * 7 // 10])
            (folder / name / "smollm2_135m_baseline.json").write_text(json.dumps(answers), "utf-8")

    made = made_once("damaged", make)
    return lambda name: made / name


@pytest.fixture(scope="session")
def printed() -> Results:
    """Everything that is computed of the published study alone; tests must not change it."""
    study = load_study(ROOT / "data" / "entropy-2026-02")
    return compute([study], Options(quick=True), lambda _step: None)


@pytest.fixture(scope="session")
def seed() -> str:
    """The results page that the published study was transcribed from."""
    return (ROOT / "tests" / "reference" / "seed.md").read_text("utf-8")


@pytest.fixture(scope="session")
def synthetic(made_once) -> Path:
    """A study folder with captures of three models, on four of the axes that they hold."""

    def make(folder: Path) -> None:
        study = folder / "synthetic-1"
        simulate(study, models=3, questions=12, layers=5, hidden=16, seed=1)
        fields = tomllib.loads((study / "study.toml").read_text("utf-8"))
        fields["axes"] = fields["axes"][:3] + fields["axes"][5:6]  # with one that is constant
        (study / "study.toml").write_text(_toml(fields), encoding="utf-8")

    return made_once("study", make) / "synthetic-1"


@pytest.fixture(scope="session")
def finished(made_once, synthetic) -> Path:
    """The build of the published study and a synthetic one; tests must not change it.

    It has the source of a PDF, and none: who needs one makes it, spoilt or not.
    """

    def make(folder: Path) -> None:
        studies = [ROOT / "data" / "entropy-2026-02", synthetic]
        options = Options(("html", "typst"), "embedded", quick=True)
        build(studies, folder, options, lambda _: None)

    return made_once("build", make) / "entropy-2026-02+synthetic-1"


@pytest.fixture
def small_build(made_once, tmp_path) -> Path:
    """A copy of a small finished build, of captures alone, that a test may change."""

    def make(folder: Path) -> None:
        study = folder / "study"
        simulate(study, models=2, questions=12, layers=3, hidden=16, seed=3)
        options = Options(("html", "typst"), "embedded", quick=True)
        build([study], folder / "build", options, lambda _: None)

    made = made_once("small", make) / "build" / "study"
    return Path(shutil.copytree(made, tmp_path / "small"))


@pytest.fixture
def tampered(finished, tmp_path) -> Path:
    """A copy of the finished build that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def _value(value: object) -> str:
    """Write a scalar; JSON's strings and numbers are TOML's too."""
    return (
        value.isoformat() if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)
    )


def _toml(fields: Fields) -> str:
    """Write what a ``study.toml`` holds: scalars, tables of scalars, arrays of such tables."""

    def scalars(table: Fields) -> list[str]:
        return [f"{k} = {_value(v)}" for k, v in table.items() if not isinstance(v, (dict, list))]

    lines = scalars(fields)
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *scalars(value)]
        elif isinstance(value, list):
            lines += [line for row in value for line in ("", f"[[{name}]]", *scalars(row))]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def shipped_fields() -> Callable[[], Fields]:
    """The fields of ``data/smollm2/study.toml``, to be changed at will; without its own words."""
    fields = tomllib.loads((SHIPPED / "study.toml").read_text("utf-8"))
    del fields["answers"]
    return lambda: copy.deepcopy(fields)


@pytest.fixture(scope="session")
def write_study() -> Callable[[Path, Fields], Path]:
    """Write a ``study.toml`` and return its folder."""

    def write(folder: Path, fields: Fields) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "study.toml").write_text(_toml(fields), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def copy_captures() -> Callable[..., None]:
    """Copy the shipped captures of some models into a study folder."""

    def copied(folder: Path, *models: str) -> None:
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        for model in models:
            for path in sorted((SHIPPED / "raw").glob(f"{model}_*")):
                shutil.copy(path, folder / "raw")

    return copied


# --- reading what was written ---------------------------------------------------------------

_WORDS = r"\b(?:nan|NaN|None|inf|Undefined)\b(?! needed| of | survives| has | or N/A)"
_SLIPS = (
    r"\(\s*\)", r"\w\s[,;.]\s", r":\s*\.\s", r"\bno tests\b", r"\bof no \w+s\b",
    r"\b1 (?:models|conditions|questions|tests)\b", r"\bone (?:models|conditions|tests|pairs)\b",
)  # fmt: skip


def _prose(markdown: str) -> str:
    """Keep what a reader reads as text: no code, no attributes, no pictures."""
    text = re.sub(r"`[^`]*`", "code", markdown)
    return re.sub(r"!\[.*?\]\([^)]*\)\{[^}]*\}|\]\([^)]*\)(?:\{[^}]*\})?", "", text)


def _faults(document: str) -> list[str]:
    """Find empty sections, tables and boxes, words of the program, slips, dead references."""
    body = document.split("---\n", 2)[2].split("\n# References")[0]
    lines = [line for line in body.splitlines() if line.strip()]
    found: list[str] = []
    for line, following in zip(lines, [*lines[1:], "# end"], strict=True):
        one, other = (re.match("#+ ", text) for text in (line, following))
        if one and other and len(other[0]) <= len(one[0]):
            found.append(f"empty section: {line}")
        if re.match(r"\| :?--", line) and not following.startswith("|"):
            found.append(f"empty table: {following}")
        if (line.startswith("::: {.callout") or line.startswith("**")) and following == ":::":
            found.append(f"empty box: {line}")
    text = _prose(body)
    for pattern in (_WORDS, *_SLIPS):
        found += [text[max(0, m.start() - 50) : m.end() + 20] for m in re.finditer(pattern, text)]
    used, labels = (
        set(re.findall(pattern + r"((?:fig|tbl|sec)-[\w-]+)", within))
        for pattern, within in (("@", _prose(document)), (r"\{#", document))
    )
    found += [f"nothing is called {name}" for name in sorted(used - labels)]
    return found


@pytest.fixture(scope="session")
def faults() -> Callable[[str], list[str]]:
    """What a careful reader would find wrong with a document's source."""
    return _faults
