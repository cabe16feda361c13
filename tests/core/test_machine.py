"""How many cores there are for this process."""

import os
import subprocess
import sys

import pytest

from src.core.machine import core_count

SAY = "from src.core.machine import core_count; print(core_count())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system keeps no process to some of its cores")
def test_a_process_kept_to_one_core_has_one():
    one = {min(os.sched_getaffinity(0))}
    said = subprocess.run(
        [sys.executable, "-c", SAY],
        preexec_fn=lambda: os.sched_setaffinity(0, one),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "1\n"


@pytest.mark.parametrize(("machine", "cores"), [(8, 8), (None, 1)])
def test_where_a_process_cannot_ask_all_cores_of_the_machine_count(machine, cores, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    assert core_count() == cores
