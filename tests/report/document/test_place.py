"""A build is put in place whole, and the one before it is not lost."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from report.document import place
from report.document.place import all_in, found_again, replacing
from report.study.errors import UsageError


def quiet(_step):
    """Tell nobody."""


def put(target, text):
    with replacing(target, quiet) as folder:
        (folder / "manifest.json").write_text(text)


def names(folder):
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def killed(target, at):
    """Replace a build, and be killed before, between or after its renames."""
    rename, done = Path.rename, []

    def renamed(self, other):
        if len(done) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(self)
        return rename(self, other)

    Path.rename = renamed
    put(target, "new")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(params=[0, 1, 2], ids=["before", "between", "after"])
def after_a_kill(request, tmp_path):
    target = tmp_path / "study"
    put(target, "old")
    process = multiprocessing.get_context("fork").Process(
        target=killed, args=(target, request.param)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return target, "new" if request.param == 2 else "old"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestAfterAKill:
    def test_a_finished_build_is_found_by_its_name(self, after_a_kill):
        target, text = after_a_kill
        assert (found_again(target) / "manifest.json").read_text() == text

    def test_a_finished_build_is_found_among_all(self, after_a_kill):
        target, text = after_a_kill
        assert all_in(target.parent) == [target]
        assert (target / "manifest.json").read_text() == text

    def test_the_next_build_sweeps_what_was_left(self, after_a_kill):
        target, _ = after_a_kill
        other = target.with_name("study-2")
        put(other, "other")
        put(target, "newest")
        assert names(target.parent) == {"study", "study-2"}
        assert (target / "manifest.json").read_text() == "newest"

    def test_what_the_next_build_fails_at_costs_nothing(self, after_a_kill):
        target, text = after_a_kill
        with pytest.raises(ZeroDivisionError), replacing(target, quiet):
            raise ZeroDivisionError
        assert (target / "manifest.json").read_text() == text
        assert names(target.parent) == {"study", "study.failed"}


def test_a_rename_that_fails_leaves_the_old_build_in_its_place(tmp_path, monkeypatch):
    target, rename = tmp_path / "study", Path.rename
    put(target, "old")

    def renamed(self, other):
        if (self / "manifest.json").is_file() and (self / "manifest.json").read_text() == "new":
            raise OSError("disk full")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(OSError, match="disk full"):
        put(target, "new")
    assert (target / "manifest.json").read_text() == "old"


def _build(target, text, inside, go_on):
    with replacing(target, quiet) as folder:
        inside.set()
        go_on.wait(30)
        (folder / "manifest.json").write_text(text)


def test_the_second_of_two_builds_waits_and_says_so(tmp_path):
    target, context = tmp_path / "study", multiprocessing.get_context("spawn")
    inside, go_on = context.Event(), context.Event()
    first = context.Process(target=_build, args=(target, "first", inside, go_on))
    first.start()
    assert inside.wait(60)
    said = []

    def progress(step):
        said.append(step)
        go_on.set()

    with replacing(target, progress) as folder:
        assert (target / "manifest.json").read_text() == "first"
        (folder / "manifest.json").write_text("second")
    first.join()
    assert first.exitcode == 0
    assert said == ["wait for another build of study"]
    assert (target / "manifest.json").read_text() == "second"


def test_a_build_that_is_being_replaced_is_not_taken_back(tmp_path):
    target = tmp_path / "study"
    (tmp_path / ".study.old.x" / "build").mkdir(parents=True)
    with place._lock(target):
        assert not found_again(target).exists()
    assert found_again(target).exists()


@pytest.mark.parametrize("held", ["study.toml", "manifest.json/x", None])
def test_what_is_no_build_is_not_replaced(held, tmp_path):
    """A study that lies in --out under its own name."""
    target = tmp_path / "study"
    if held:
        (target / held).parent.mkdir(parents=True)
        (target / held).write_text("precious")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="--out"):
        put(target, "new")
    assert target.is_symlink() or (target / held).read_text() == "precious"
    assert names(tmp_path) == {"study"}
