from __future__ import annotations

from pathlib import Path

import pytest

import report.capture.extract as stage
from report.capture import cache


@pytest.fixture
def computed(monkeypatch):
    """Keys of the models that were computed and not taken from the cache."""
    keys: list[str] = []
    original = stage.extract_model

    def counting(study, model):
        keys.append(model.key)
        return original(study, model)

    monkeypatch.setattr(stage, "extract_model", counting)
    return keys


@pytest.fixture
def study(captures):
    for key in ("m", "n"):
        captures.baseline(key, seed=ord(key))
    return captures.study("m", "n")


def test_a_second_run_computes_nothing_and_gives_the_same(study, tmp_path, computed):
    first = stage.extract(study, cache=tmp_path / "cache")
    assert computed == ["m", "n"]
    assert stage.extract(study, cache=tmp_path / "cache") == first
    assert computed == ["m", "n"]
    assert first.origin == stage.extract(study, cache=tmp_path / "cache").origin == "raw"


def test_one_changed_file_computes_one_model(study, captures, tmp_path, computed):
    stage.extract(study, cache=tmp_path / "cache")
    captures.baseline("n", seed=77)
    again = stage.extract(study, cache=tmp_path / "cache")
    assert computed == ["m", "n", "n"]
    assert again == stage.extract(study)


def test_settings_of_a_model_and_the_code_belong_to_the_key(study, tmp_path, computed, monkeypatch):
    stage.extract(study, cache=tmp_path / "cache")
    other = study.models[1].model_copy(update={"vocabulary": 200})
    changed = study.model_copy(update={"models": (study.models[0], other)})
    stage.extract(changed, cache=tmp_path / "cache")
    assert computed == ["m", "n", "n"]
    monkeypatch.setattr(cache, "code_version", lambda: "another")
    stage.extract(study, cache=tmp_path / "cache")
    assert computed[3:] == ["m", "n"]


@pytest.mark.parametrize("name", ["questions.csv", "meta.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["cut", "altered", "gone"])
def test_a_spoilt_entry_is_computed_again(study, tmp_path, computed, name, damage):
    folder = tmp_path / "cache"
    first = stage.extract(study, cache=folder)
    for entry in filter(Path.is_dir, folder.iterdir()):
        path = entry / name
        content = path.read_bytes()
        if damage == "gone":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(content[: len(content) // 2])
        else:
            spoilt = bytearray(content)
            spoilt[len(spoilt) // 2] ^= 1
            path.write_bytes(bytes(spoilt))
    assert stage.extract(study, cache=folder) == first
    assert computed == ["m", "n", "m", "n"]
    assert stage.extract(study, cache=folder) == first
    assert computed == ["m", "n", "m", "n"]


def test_nothing_unfinished_is_left_behind(study, tmp_path):
    stage.extract(study, cache=tmp_path / "cache", jobs=2)
    entries = {path.name for path in (tmp_path / "cache").iterdir()} - {".lock"}
    assert len(entries) == 2
    assert not [name for name in entries if name.startswith(".")]


def test_what_a_killed_process_left_is_swept(study, tmp_path):
    left = tmp_path / "cache" / ".writing-abc" / "entry"
    left.mkdir(parents=True)
    (left / "questions.csv").write_text("model,")
    stage.extract(study, cache=tmp_path / "cache")
    assert not left.parent.exists()


def test_the_code_has_one_version():
    assert cache.code_version() == cache.code_version()
    assert len(cache.code_version()) == 64
