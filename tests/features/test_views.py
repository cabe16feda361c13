from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import Bar
from src.core.domain.time import BAR_4H, BAR_15M
from src.features.bars import BarColumns
from src.features.views import ViewBuilder, four_hour_bars
from tests.features.made_bars import NEW_YEAR, as_bars, flat_bars, random_bars, without


def by_hand(bars: list[Bar], min_parts: int) -> list[Bar]:
    buckets = defaultdict(list)
    for bar in bars:
        opened_at = bar.closed_at - BAR_15M
        buckets[opened_at - opened_at % BAR_4H + BAR_4H].append(bar)
    return [
        Bar(
            end,
            parts[0].open,
            max(p.high for p in parts),
            min(p.low for p in parts),
            parts[-1].close,
            sum(p.volume for p in parts),
        )
        for end, parts in sorted(buckets.items())
        if len(parts) >= min_parts and end <= bars[-1].closed_at
    ]


@given(
    seed=st.integers(0, 200),
    n=st.integers(1, 400),
    gaps=st.sampled_from([0.0, 0.02, 0.2]),
    min_parts=st.integers(1, 16),
    offset=st.integers(0, 40),
)
def test_four_hour_bars_are_the_quarter_hours_of_each_utc_bucket(seed, n, gaps, min_parts, offset):
    bars = random_bars(n, seed, NEW_YEAR + offset * BAR_15M, gaps)
    if bars.closed_at.size:
        assert as_bars(four_hour_bars(bars, min_parts)) == by_hand(as_bars(bars), min_parts)


@given(seed=st.integers(0, 100), gaps=st.sampled_from([0.0, 0.03, 0.2]), min_parts=st.sampled_from([1, 12, 16]))
def test_at_every_bar_the_builder_has_given_the_four_hour_bars_that_exist_then(seed, gaps, min_parts):
    bars = random_bars(150, seed, gaps=gaps)
    builder, built = ViewBuilder(min_parts), []
    for i, bar in enumerate(as_bars(bars)):
        built += builder.push(bar)
        assert built == as_bars(four_hour_bars(bars.between(0, i + 1), min_parts))


def test_a_forming_bucket_gives_no_bar():
    assert four_hour_bars(flat_bars(15), 12).closed_at.size == 0
    assert four_hour_bars(flat_bars(16), 12).closed_at.tolist() == [NEW_YEAR + BAR_4H]


def test_a_bucket_whose_last_part_is_missing_is_seen_at_the_next_bar_with_its_own_time():
    bars = as_bars(without(flat_bars(17), 15))
    builder = ViewBuilder(12)
    assert [builder.push(bar) for bar in bars[:-1]] == [[]] * 15
    assert [bar.closed_at for bar in builder.push(bars[-1])] == [NEW_YEAR + BAR_4H]


@pytest.mark.parametrize(("missing", "there"), [(4, True), (5, False)])
def test_a_bucket_with_fewer_parts_than_asked_for_is_a_gap(missing, there):
    bars = without(flat_bars(16), *range(missing))
    assert bool(four_hour_bars(bars, 12).closed_at.size) is there


def test_no_bars_have_no_four_hour_bars():
    none = BarColumns.of([])
    assert as_bars(four_hour_bars(none, 12)) == []
    assert all(column.dtype == np.int64 for column in none)
