"""What a process frees stays with it: the same work does not ask the system for its pages again."""

import subprocess
import sys

import pytest

from src.core.allocator import keep_freed_memory

WORK = """
import resource, sys
import numpy as np
from src.core.allocator import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    arrays = [np.ones(40_000) for _ in range(20)]  # 320 kB each
    del arrays

kept = sys.argv[1] == "kept" and keep_freed_memory()
for _ in range(3):
    work()
before = faults()
for _ in range(10):
    work()
print(int(kept), faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc lets one choose")
def test_the_same_work_takes_its_pages_from_the_system_once():
    def run(how):
        done = subprocess.run([sys.executable, "-c", WORK, how], capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    kept, faults = run("kept")
    if not kept:
        pytest.skip("this C library has no mallopt")
    assert faults < 100
    assert run("as the library does")[1] > 1_000


def test_a_library_without_the_choice_is_told(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False
