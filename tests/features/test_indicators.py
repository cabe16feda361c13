"""TA-Lib comes without the data frame libraries, and leaves no trace of having hidden them."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
{before}
from src.features.engine import ArrayEngine
import numpy as np
assert ArrayEngine().sma(np.arange(9.0), 3)[-1] == 7.0
print(sorted(sys.modules.keys() & {{"pandas", "polars"}}))
{after}
"""


@pytest.mark.parametrize(
    ("before", "after", "loaded"),
    [
        ("", "import pandas; assert pandas.Series([1.0]).sum() == 1.0", "[]"),
        ("import pandas", "assert pandas.Series([2.0]).sum() == 2.0", "['pandas']"),
    ],
)
def test_features_do_without_data_frames_and_whoever_wants_them_has_them(before, after, loaded):
    program = PROGRAM.format(before=before, after=after)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == loaded
