"""Calls a second: per user, sliding or fixed."""

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import Millis
from src.twin.rate_limits import RateLimits, Window, is_update


def admitted(window: Window, times: list[int], *, limit: int = 3) -> list[bool]:
    limits = RateLimits(0, limit, window)
    return [limits.admit(1, update=True, now=Millis(at)) for at in times]


@given(st.lists(st.integers(0, 900), min_size=1, max_size=60))
def test_no_sliding_second_ever_holds_more_than_the_limit(steps):
    times = [10_000 + sum(steps[: i + 1]) for i in range(len(steps))]
    passed = [at for at, ok in zip(times, admitted(Window.SLIDING, times), strict=True) if ok]
    assert all(sum(1 for other in passed if at <= other < at + 1000) <= 3 for at in passed)


def test_a_fixed_second_begins_anew_where_a_sliding_one_does_not():
    times = [900, 950, 999, 1000, 1001]
    assert admitted(Window.FIXED, times) == [True, True, True, True, True]
    assert admitted(Window.SLIDING, times) == [True, True, True, False, False]


def test_a_refused_call_does_not_count():
    assert admitted(Window.SLIDING, [0, 0, 0, 500, 999, 1000]) == [True, True, True, False, False, True]


def test_users_and_kinds_of_calls_have_limits_of_their_own():
    limits = RateLimits(1, 1, Window.SLIDING)
    seen = [limits.admit(u, update=k, now=Millis(5)) for u in (1, 2) for k in (True, False) for _ in range(2)]
    assert seen == [True, False] * 4


def test_a_clock_set_back_does_not_lock_anyone_out():
    assert admitted(Window.SLIDING, [9_000, 9_001, 9_002, 1_000]) == [True, True, True, True]


def test_reading_orders_by_post_is_not_a_change():
    assert is_update("POST", "/v1/user/spot/cancel_orders")
    assert not is_update("POST", "/v1/user/spot/orders_info")
    assert not is_update("GET", "/v1/user/spot/order")
