"""TA-Lib, imported without pandas and polars.

Where they are installed TA-Lib imports both, only to recognise data frames among its arguments: about 80 MB and a
second of every start. Nobody here gives it any, so the two are hidden while it is imported, unless they are there
already. A thread that imports one of them in that moment would miss it; programs import this module first.
"""

import sys
from typing import Final

_FRAMES: Final = [name for name in ("pandas", "polars") if name not in sys.modules]

sys.modules.update(dict.fromkeys(_FRAMES))  # type: ignore[arg-type]  # None is how a module is said not to be there
try:
    import talib
    from talib import InsufficientHistory, stream  # type: ignore[attr-defined]  # exported, but its stub forgot them
finally:
    for _name in _FRAMES:
        del sys.modules[_name]

__all__ = ["InsufficientHistory", "stream", "talib"]
