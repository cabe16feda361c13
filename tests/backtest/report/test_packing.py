import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.report.packing import pack, pack_steps

LARGEST = 2**52 - 1


def read(text: str) -> list[int]:
    """Read packed text the slow way: a byte at a time."""
    values, folded, shift = [], 0, 0
    for byte in base64.b64decode(text):
        folded |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(-(folded + 1) // 2 if folded % 2 else folded // 2)
            folded = shift = 0
    return values


@given(st.lists(st.integers(-LARGEST, LARGEST), max_size=50))
def test_what_was_packed_is_read_back(values):
    assert read(pack(np.array(values, np.int64))) == values


@given(st.lists(st.integers(-(10**14), 10**14), max_size=50))
def test_steps_add_up_to_the_values(values):
    steps = read(pack_steps(np.array(values, np.int64)))
    assert np.cumsum(steps, dtype=np.int64).tolist() == values


def test_a_number_that_a_browser_would_round_is_refused():
    with pytest.raises(ValueError, match="beyond"):
        pack(np.array([2**52], np.int64))


def test_small_steps_take_one_byte_each():
    assert len(base64.b64decode(pack(np.array([0, -1, 63, -64], np.int64)))) == 4
