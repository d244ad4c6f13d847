"""Other programs: how they are ended."""

import signal
import subprocess
import sys

import pytest

from report.document import processes

QUICK = [sys.executable, "-c", "pass"]


def test_a_program_that_has_ended_by_itself_is_no_error(monkeypatch):
    """Ctrl-C lets `communicate` wait a moment, in which the program may end: exit code 1, then."""

    def interrupted(self, *_, **__):
        self.wait()
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.run(QUICK, seconds=60.0)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
def test_a_program_that_does_not_end_is_stopped():
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    processes._end(process)
    assert process.returncode == -signal.SIGKILL
