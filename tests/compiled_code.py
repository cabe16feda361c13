"""What compiles is compiled once for all tests of a run: the first process that needs it keeps it for the others."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "TRADER__BACKTEST__CACHE"

if VARIABLE not in os.environ:  # new for each run, so that it holds nothing old; processes started later inherit it
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="compiled-")
    atexit.register(shutil.rmtree, os.environ[VARIABLE], ignore_errors=True)

COMPILED = Path(os.environ[VARIABLE])
