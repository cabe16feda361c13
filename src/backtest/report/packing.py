"""Long columns of whole numbers as short text: a year of candles in a few hundred kilobytes of a page.

A number is folded so that small ones of either sign become small (0, -1, 1, -2 … become 0, 1, 2, 3 …),
written in groups of seven bits, lowest first, the eighth bit saying that more follow, and the bytes go to
base64. `unpack` in page.js reads it back, exactly up to 2^53.
"""

import base64
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_EXACT: Final = 2**52  # after folding, every whole number up to 2^53 is exact in a browser
_GROUPS: Final = 8  # of seven bits


def pack(values: Ints) -> str:
    """Return `values` as text.

    Raises
    ------
    ValueError
        If a number is too large for a browser to hold exactly.
    """
    if len(values) and max(abs(int(values.min())), abs(int(values.max()))) >= _EXACT:
        raise ValueError(f"a value was beyond {_EXACT}")
    folded = (values << 1) ^ (values >> 63)
    places = np.arange(_GROUPS, dtype=np.int64) * 7
    groups = (folded[:, None] >> places) & 127
    used = np.maximum((folded[:, None] >> places > 0).sum(axis=1), 1)
    more = places[None, :] // 7 < used[:, None] - 1
    stream = (groups | (more.astype(np.int64) << 7))[places[None, :] // 7 < used[:, None]]
    return base64.b64encode(stream.astype(np.uint8).tobytes()).decode("ascii")


def pack_steps(values: Ints) -> str:
    """Return the first of `values` and then each one's difference from the one before it, as text."""
    return pack(np.diff(values, prepend=np.int64(0)))
