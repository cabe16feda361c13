"""Two clocks compared by a header that is cut to the second: what is certain, and what is not."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import SECOND, Millis
from src.data.clock_offset import ClockOffset

T = 1_790_000_000_123


def header(at: int) -> str:
    return formatdate(at // SECOND, usegmt=True)


@given(
    offset=st.integers(-100_000, 100_000),
    replies=st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 500), st.integers(0, 500)), min_size=1),
)
def test_the_true_difference_is_always_inside_the_bounds(offset, replies):
    found = ClockOffset()
    for later, there, back in replies:
        sent = T + later
        found.observe(header(sent + there + offset), Millis(sent), Millis(sent + there + back))
        low, high = found.bounds or (0, 0)
        assert low <= offset <= high
        assert high - low <= SECOND + 1_000
        assert abs(found.certain_ms) <= abs(offset)


def test_answers_that_agree_narrow_the_bounds():
    found = ClockOffset()
    for later in range(0, 3_000, 37):
        found.observe(header(T + later + 1_500), Millis(T + later), Millis(T + later))
    low, high = found.bounds or (0, 0)
    assert high - low < 100
    assert 1_400 <= found.certain_ms <= 1_500


def test_a_clock_that_was_set_is_noticed_at_once():
    found = ClockOffset()
    found.observe(header(T), Millis(T), Millis(T))
    assert found.certain_ms == 0
    found.observe(header(T + 8_000), Millis(T), Millis(T))
    assert 7_000 <= found.certain_ms <= 8_000


@pytest.mark.parametrize(
    "date", [None, "", "soon", "Thu, 01 Jan 99999 00:00:00 GMT", "Wed, 25 Nov 2026 08:00:00 -0000"]
)
def test_a_header_that_is_none_teaches_nothing(date):
    found = ClockOffset()
    found.observe(header(T + 5_000), Millis(T), Millis(T))
    before = found.bounds
    found.observe(date, Millis(T), Millis(T))
    assert found.bounds == before
    assert found.newest_low is None
